# Two of everything, in two zones, and kept. Addresses and digests are in a file of your own; docs/deploying.md shows it.
environment        = "production"
two_zones          = true
database_class     = "db.m7g.xlarge"
database_gigabytes = 200
backup_days        = 35
cache_class        = "cache.m7g.large"
keep_on_destroy    = true
log_days           = 731

tasks = {
  api            = { fewest = 2, most = 10 }
  worker         = { fewest = 2, most = 40 }
  housekeeping   = { fewest = 2, most = 4 }
  consumer       = { fewest = 2, most = 10 }
  prefect-server = { fewest = 2, most = 2 }
  # One alone: it plans runs and keeps the database small.
  prefect-services = { fewest = 1, most = 1 }
}
