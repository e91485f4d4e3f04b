# The records of limit runs: any worker resumes the run of another one, so they share a folder.
resource "aws_efs_file_system" "limits" {
  encrypted  = true
  kms_key_id = aws_kms_key.this["data"].arn

  lifecycle_policy {
    transition_to_ia = "AFTER_90_DAYS"
  }
}

resource "aws_efs_backup_policy" "limits" {
  file_system_id = aws_efs_file_system.limits.id

  backup_policy {
    status = "ENABLED"
  }
}

resource "aws_efs_mount_target" "limits" {
  for_each        = aws_subnet.data
  file_system_id  = aws_efs_file_system.limits.id
  subnet_id       = each.value.id
  security_groups = [aws_security_group.files.id]
}

# The folder, and the user whom the image runs as.
resource "aws_efs_access_point" "limits" {
  file_system_id = aws_efs_file_system.limits.id

  posix_user {
    uid = 10001
    gid = 10001
  }

  root_directory {
    path = "/limits"

    creation_info {
      owner_uid   = 10001
      owner_gid   = 10001
      permissions = "0700"
    }
  }
}

# Only through the access point, over TLS, and by the worker's role.
data "aws_iam_policy_document" "files" {
  statement {
    actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    resources = [aws_efs_file_system.limits.arn]

    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.task["worker"].arn]
    }

    condition {
      test     = "StringEquals"
      variable = "elasticfilesystem:AccessPointArn"
      values   = [aws_efs_access_point.limits.arn]
    }
  }

  statement {
    effect    = "Deny"
    actions   = ["*"]
    resources = [aws_efs_file_system.limits.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_efs_file_system_policy" "limits" {
  file_system_id = aws_efs_file_system.limits.id
  policy         = data.aws_iam_policy_document.files.json
}
