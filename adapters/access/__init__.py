"""Who may: accounts, sessions, logins by password, OpenID Connect and SMART launch, and the guard before every page."""
