# Where the image is pushed; a tag, once pushed, cannot be moved.
resource "aws_ecr_repository" "this" {
  name                 = local.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !var.keep_on_destroy

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.this["data"].arn
  }
}

locals {
  image = "${aws_ecr_repository.this.repository_url}@${var.image_digest}"
}
