# The audit chain, copied out of the store entry by entry: a reader of another account can prove that none was changed.
resource "aws_kinesis_stream" "audit" {
  name             = "${local.name}-audit"
  retention_period = 8760
  encryption_type  = "KMS"
  kms_key_id       = aws_kms_key.this["data"].arn

  stream_mode_details {
    stream_mode = "ON_DEMAND"
  }
}
