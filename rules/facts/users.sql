-- The user service's word.
SELECT subject_id, good_standing, fraud_hit, segment
FROM users
SEMI JOIN subjects USING (subject_id)
