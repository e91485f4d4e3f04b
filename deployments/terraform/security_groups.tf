# Who may speak to whom. Each group lets in its callers by their group, and out only what it calls.
resource "aws_security_group" "public_balancer" {
  name        = "${local.name}-public-balancer"
  description = "The API's load balancer, open to the internet over TLS"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "prefect_balancer" {
  name        = "${local.name}-prefect-balancer"
  description = "The Prefect server's load balancer, open to our services and to operators"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "services" {
  name        = "${local.name}-services"
  description = "API, workers, housekeeping, consumers and set-up"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "prefect" {
  name        = "${local.name}-prefect"
  description = "The Prefect server"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "database" {
  #checkov:skip=CKV2_AWS_5:Each is the group of its database in database.tf; the scanner does not follow both keys.
  for_each    = local.databases
  name        = "${local.name}-database-${each.key}"
  description = "The database of the ${each.key}"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "cache" {
  name        = "${local.name}-cache"
  description = "Redis of the Prefect server"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "files" {
  name        = "${local.name}-files"
  description = "The records of limit runs"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "endpoints" {
  name        = "${local.name}-endpoints"
  description = "AWS services inside the network"
  vpc_id      = aws_vpc.this.id
}

locals {
  # Pairs that speak: a name, the caller's group, the called group, and the port.
  paths = {
    balancer-api      = { from = aws_security_group.public_balancer.id, to = aws_security_group.services.id, port = 8400 }
    balancer-prefect  = { from = aws_security_group.prefect_balancer.id, to = aws_security_group.prefect.id, port = 4200 }
    services-prefect  = { from = aws_security_group.services.id, to = aws_security_group.prefect_balancer.id, port = 443 }
    services-store    = { from = aws_security_group.services.id, to = aws_security_group.database["store"].id, port = 5432 }
    services-files    = { from = aws_security_group.services.id, to = aws_security_group.files.id, port = 2049 }
    services-endpoint = { from = aws_security_group.services.id, to = aws_security_group.endpoints.id, port = 443 }
    prefect-database  = { from = aws_security_group.prefect.id, to = aws_security_group.database["prefect"].id, port = 5432 }
    prefect-cache     = { from = aws_security_group.prefect.id, to = aws_security_group.cache.id, port = 6379 }
    prefect-endpoint  = { from = aws_security_group.prefect.id, to = aws_security_group.endpoints.id, port = 443 }
  }
}

resource "aws_vpc_security_group_egress_rule" "path" {
  for_each                     = local.paths
  description                  = each.key
  security_group_id            = each.value.from
  referenced_security_group_id = each.value.to
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "path" {
  for_each                     = local.paths
  description                  = each.key
  security_group_id            = each.value.to
  referenced_security_group_id = each.value.from
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

# Partners call the API.
resource "aws_vpc_security_group_ingress_rule" "internet" {
  description       = "TLS from anywhere"
  security_group_id = aws_security_group.public_balancer.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "operators" {
  for_each          = toset(var.operators)
  description       = "The Prefect UI, for staff"
  security_group_id = aws_security_group.prefect_balancer.id
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# Bureaus, partners and other outside services; S3, through its endpoint.
resource "aws_vpc_security_group_egress_rule" "outside" {
  description       = "https to outside services"
  security_group_id = aws_security_group.services.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# The image's layers are in S3.
resource "aws_vpc_security_group_egress_rule" "layers" {
  description       = "Layers of the image, from S3"
  security_group_id = aws_security_group.prefect.id
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
