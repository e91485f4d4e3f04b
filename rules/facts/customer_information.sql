-- Who applies: the user service's person and, where a company applies, the registry's company.
-- Dates after as_of were not known then: such a birth date is missing, such a company does not exist yet.
WITH person AS (
    SELECT
        subject_id,
        as_of,
        people.* EXCLUDE (subject_id, currency, birth_date),
        CASE WHEN birth_date <= as_of THEN birth_date END AS birth_date,
        list_filter(
            [
                CASE WHEN trim(coalesce(given_name, '')) = '' THEN 'given name' END,
                CASE WHEN trim(coalesce(family_name, '')) = '' THEN 'family name' END,
                CASE WHEN birth_date IS NULL OR birth_date > as_of THEN 'birth date' END,
                CASE WHEN trim(coalesce(identity_document, '')) = '' THEN 'identity document' END,
                CASE WHEN trim(coalesce(street, '')) = '' THEN 'street' END
            ],
            lambda field: field IS NOT NULL
        ) AS missing
    FROM people
    JOIN subjects USING (subject_id)
)
SELECT
    person.subject_id,
    TRUE AS customer_found,
    company_number IS NOT NULL AS is_company,
    len(missing) AS identity_fields_missing,
    nullif(array_to_string(missing, ', '), '') AS identity_missing,
    -- Whoever was born on 29 February turns a year older on 1 March of a common year.
    date_diff('year', birth_date, as_of)
        - (strftime(as_of, '%m%d') < strftime(birth_date, '%m%d'))::INTEGER AS age_years,
    residence_country,
    email_verified,
    phone_verified,
    companies.status = 'active' AS company_active,
    as_of - companies.incorporated_on AS company_age_days,
    companies.country AS company_country
FROM person
LEFT JOIN companies
    ON person.subject_id = companies.subject_id AND companies.incorporated_on <= person.as_of
UNION ALL BY NAME
SELECT subject_id, FALSE AS customer_found
FROM unknown_people
