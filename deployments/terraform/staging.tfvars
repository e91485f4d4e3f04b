# Small, and may be destroyed. Addresses and digests are in a file of your own; docs/deploying.md shows it.
environment        = "staging"
two_zones          = false
database_class     = "db.t4g.medium"
database_gigabytes = 20
backup_days        = 7
cache_class        = "cache.t4g.small"
keep_on_destroy    = false
log_days           = 365

tasks = {
  api              = { fewest = 1, most = 2 }
  worker           = { fewest = 1, most = 4 }
  housekeeping     = { fewest = 1, most = 2 }
  consumer         = { fewest = 1, most = 2 }
  prefect-server   = { fewest = 1, most = 1 }
  prefect-services = { fewest = 1, most = 1 }
}
