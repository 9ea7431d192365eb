"""The audit's SQL on Apache Spark: the same statements, said in its words."""
