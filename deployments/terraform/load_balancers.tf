# The ways in: the API from the internet, and the Prefect server from inside; both over TLS.
locals {
  balanced = {
    api = {
      port     = 8400
      health   = "/health"
      host     = var.domain
      internal = false
      subnets  = [for subnet in aws_subnet.public : subnet.id]
      group    = aws_security_group.public_balancer.id
    }
    prefect-server = {
      port     = 4200
      health   = "/api/health"
      host     = "prefect.${var.domain}"
      internal = true
      subnets  = [for subnet in aws_subnet.private : subnet.id]
      group    = aws_security_group.prefect_balancer.id
    }
  }
}

resource "aws_acm_certificate" "this" {
  domain_name               = var.domain
  subject_alternative_names = ["prefect.${var.domain}"]
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  for_each = { for option in aws_acm_certificate.this.domain_validation_options : option.domain_name => option }
  zone_id  = var.zone_id
  name     = each.value.resource_record_name
  type     = each.value.resource_record_type
  records  = [each.value.resource_record_value]
  ttl      = 300
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}

resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_28:firewall.tf stands before the public one; the scanner does not follow the key. The other is internal.
  for_each                         = local.balanced
  name                             = "${local.name}-${each.value.internal ? "prefect" : "api"}"
  load_balancer_type               = "application"
  internal                         = each.value.internal
  subnets                          = each.value.subnets
  security_groups                  = [each.value.group]
  drop_invalid_header_fields       = true
  enable_deletion_protection       = var.keep_on_destroy
  enable_cross_zone_load_balancing = true
  # Prefect's workers keep a websocket open.
  idle_timeout = each.value.internal ? 300 : 60

  access_logs {
    bucket  = aws_s3_bucket.this["access"].id
    prefix  = "balancer/${each.key}"
    enabled = true
  }

  depends_on = [aws_s3_bucket_policy.this]
}

resource "aws_lb_target_group" "this" {
  for_each             = local.balanced
  name                 = "${local.name}-${each.value.internal ? "prefect" : "api"}"
  port                 = each.value.port
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = aws_vpc.this.id
  deregistration_delay = 30

  health_check {
    path                = each.value.health
    interval            = 10
    timeout             = 8
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "https" {
  for_each          = local.balanced
  load_balancer_arn = aws_lb.this[each.key].arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate_validation.this.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }
}

# Health is for whoever runs the API.
resource "aws_lb_listener_rule" "health" {
  listener_arn = aws_lb_listener.https["api"].arn
  priority     = 1

  condition {
    path_pattern {
      values = ["/health", "/health/*"]
    }
  }

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      status_code  = "404"
    }
  }
}

resource "aws_route53_record" "balancer" {
  for_each = local.balanced
  zone_id  = var.zone_id
  name     = each.value.host
  type     = "A"

  alias {
    name                   = aws_lb.this[each.key].dns_name
    zone_id                = aws_lb.this[each.key].zone_id
    evaluate_target_health = true
  }
}
