#!/bin/sh
# Make what compose.yaml takes as secrets, in deploy/secrets: passwords of its own, the settings from the example,
# certificate and key as given. What is there already stays. Run as root: each file belongs to the user who reads it.
#   sh deploy/secrets.sh CERTIFICATE.pem KEY.pem
set -eu
certificate=${1:?"the certificate chain (PEM)"} key=${2:?"its key (PEM)"}
here=$(cd "$(dirname "$0")" && pwd)
folder=${RADLOGIC_SECRETS:-$here/secrets}
umask 077
mkdir -p "$folder"

keep() { # NAME OWNER: standard input, unless the file is there
  if [ -e "$folder/$1" ]; then cat >/dev/null; else cat >"$folder/$1" && chown "$2:$2" "$folder/$1"; fi
}
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

random | keep database_admin 999
random | keep database_password 999
printf 'database:5432:radlogic:radlogic:%s\n' "$(cat "$folder/database_password")" | keep database_login 10001
keep settings.yaml 10001 <"$here/settings.example.yaml"
keep tls_certificate.pem 101 <"$certificate"
keep tls_key.pem 101 <"$key"
password=$(random)
keep orthanc.json 10002 <<END
{
  "StorageDirectory": "/var/lib/orthanc/db",
  "IndexDirectory": "/var/lib/orthanc/db",
  "RemoteAccessAllowed": true,
  "AuthenticationEnabled": true,
  "RegisteredUsers": {"radlogic": "$password"},
  "Plugins": ["/usr/share/orthanc/plugins", "/usr/local/share/orthanc/plugins"],
  "DicomWeb": {"Enable": true}
}
END
chmod 0711 "$folder" # Docker mounts the files one by one
