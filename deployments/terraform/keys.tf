# One key for data at rest, one for logs: whoever may read logs may read no data.
locals {
  key_users = {
    # Services that encrypt by the key on behalf of this account, and how a call shows that it is on its behalf.
    data = {
      services  = ["events.amazonaws.com", "cloudwatch.amazonaws.com"]
      condition = { test = "StringEquals", variable = "aws:SourceAccount", values = [local.account] }
    }
    logs = {
      services = ["logs.${var.region}.amazonaws.com"]
      condition = {
        test     = "ArnLike"
        variable = "kms:EncryptionContext:aws:logs:arn"
        values   = ["arn:aws:logs:${var.region}:${local.account}:log-group:*"]
      }
    }
  }
}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:In a key's policy, all resources are this key.
  #checkov:skip=CKV_AWS_111:In a key's policy, all resources are this key.
  #checkov:skip=CKV_AWS_356:In a key's policy, all resources are this key.
  for_each = local.key_users

  # Without it nobody could change the key again. Roles still need a policy of their own.
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${local.account}:root"]
    }
  }

  statement {
    sid       = "Services"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = each.value.services
    }

    condition {
      test     = each.value.condition.test
      variable = each.value.condition.variable
      values   = each.value.condition.values
    }
  }
}

resource "aws_kms_key" "this" {
  for_each                = local.key_users
  description             = "${local.name} ${each.key}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key[each.key].json
}

resource "aws_kms_alias" "this" {
  for_each      = aws_kms_key.this
  name          = "alias/${local.name}-${each.key}"
  target_key_id = each.value.key_id
}
