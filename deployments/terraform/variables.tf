# What differs between staging and production, and between lenders. staging.tfvars and production.tfvars give the sizes;
# addresses and digests are yours.

variable "environment" {
  description = "staging or production; it is part of every name."
  type        = string

  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "The environment is staging or production."
  }
}

variable "region" {
  description = "The region of everything."
  type        = string
}

variable "zones" {
  description = "Two availability zones of the region."
  type        = list(string)

  validation {
    condition     = length(distinct(var.zones)) == 2
    error_message = "Name two different zones."
  }
}

variable "network" {
  description = "The address range of the network, a /16 that overlaps no network it is connected to."
  type        = string
  default     = "10.60.0.0/16"
}

variable "operators" {
  description = "Address ranges, within the network or connected to it, from which staff reach the Prefect UI."
  type        = list(string)
}

# Images are named by digest: a tag may be moved, and a digest names one image for ever.

variable "image_digest" {
  description = "The digest of this project's image in the repository that this configuration makes: sha256:…"
  type        = string

  validation {
    condition     = can(regex("^sha256:[0-9a-f]{64}$", var.image_digest))
    error_message = "Name the image by its digest, sha256: and 64 hexadecimal digits, not by a tag."
  }
}

variable "cloudwatch_agent_image" {
  description = "The image of the CloudWatch agent, by digest; it passes on the lengths of queues."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.cloudwatch_agent_image))
    error_message = "Name the image by its digest, …@sha256: and 64 hexadecimal digits, not by a tag."
  }
}

# Names.

variable "domain" {
  description = "The domain of the API and of prefect.DOMAIN; its zone is in Route 53."
  type        = string
}

variable "zone_id" {
  description = "The Route 53 zone that holds the domain."
  type        = string
}

variable "alarm_email" {
  description = "Who is told of alarms."
  type        = string
}

# Settings of underwriting/settings.py that are the lender's own.

variable "jwks_url" {
  description = "Where the identity provider publishes its public keys."
  type        = string
}

variable "token_issuer" {
  description = "The issuer that bearer tokens have to name."
  type        = string
}

variable "token_audience" {
  description = "The audience that bearer tokens have to name."
  type        = string
  default     = "underwriting-api"
}

variable "encryption_key_id" {
  description = "Which of the keys in the secret UNDERWRITING_ENCRYPTION_KEYS seals new values."
  type        = string
}

variable "limits_tenant" {
  description = "The tenant whose users the nightly limit run is about."
  type        = string
}

variable "creditors" {
  description = "The creditor of each tenant, as docs/operating.md describes it."
  type        = any
}

variable "bureaus" {
  description = "How to reach each bureau, by the name in its reports."
  type        = any
}

variable "retention" {
  description = "What a lender keeps for longer than the law demands, by tenant: months by kind, and holds. See docs/operating.md."
  type        = map(object({ months = optional(map(number), {}), holds = optional(list(string), []) }))
  default     = {}
}

variable "purge" {
  description = "Whether the housekeeping deletes what is past its term."
  type        = bool
  default     = false
}

variable "required_rules" {
  description = "Rules that no rulebook may lack, by tenant."
  type        = map(list(string))
  default     = { "*" = ["NotListed"] }
}

variable "segments" {
  description = "The segments that the user service puts users in."
  type        = list(string)
}

variable "sources" {
  description = "The base URLs of the outside services."
  type = object({
    user_service  = string
    registry      = string
    bureau        = string
    exposure      = string
    fraud         = string
    loans         = string
    payments      = string
    float_service = string
    transactions  = string
    scores        = string
  })

  validation {
    condition     = alltrue([for url in values(var.sources) : startswith(url, "https://")])
    error_message = "Outside services are called over https."
  }
}

variable "ofac_address" {
  description = "Where OFAC publishes the CSV files of its SDN list, without the file's name."
  type        = string

  validation {
    condition     = startswith(var.ofac_address, "https://")
    error_message = "The list is fetched over https."
  }
}

# Sizes.

variable "two_zones" {
  description = "Whether databases, Redis and the way out to the internet stand in two zones."
  type        = bool
}

variable "database_class" {
  description = "The instance class of both databases."
  type        = string
}

variable "database_gigabytes" {
  description = "Storage of each database at first; it grows by itself to ten times as much."
  type        = number
}

variable "backup_days" {
  description = "For how many days a database can be restored to any moment."
  type        = number

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 35
    error_message = "Between 7 and 35 days."
  }
}

variable "postgres_major" {
  description = "The major version of PostgreSQL."
  type        = string
  default     = "18"
}

variable "password_version" {
  description = "Raise it to give both databases, Redis and the Prefect server new passwords."
  type        = number
  default     = 1
}

variable "cache_class" {
  description = "The node type of Redis."
  type        = string
}

variable "keep_on_destroy" {
  description = "Whether databases and buckets refuse to be destroyed."
  type        = bool
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
}

variable "tasks" {
  description = "The fewest and the most tasks of each service."
  type        = map(object({ fewest = number, most = number }))
}
