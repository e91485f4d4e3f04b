-- What the customer would owe us with the requested amount.
SELECT subject_id, outstanding + requested_amount AS exposure_with_request
FROM exposures
JOIN subjects USING (subject_id, currency)
