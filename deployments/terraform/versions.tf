# What applies this, and where its state is kept.
terraform {
  # Write-only arguments, by which no password enters the state.
  required_version = ">= 1.11.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }

  # Encrypted, versioned and locked; bucket, key and region are given at `terraform init`, for each environment.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Project     = "underwriting"
      Environment = var.environment
    }
  }
}

data "aws_caller_identity" "current" {}

locals {
  name    = "underwriting-${var.environment}"
  account = data.aws_caller_identity.current.account_id
}
