-- Who applies: the user service's person and, where a company applies, the registry's company.
-- What lies after as_of was not known then: a birth date is missing, a company does not exist yet.
WITH person AS (
    SELECT
        subject_id,
        as_of,
        people.* EXCLUDE (subject_id, currency, birth_date),
        CASE WHEN birth_date <= as_of THEN birth_date END AS birth_date
    FROM people
    JOIN subjects USING (subject_id)
)
SELECT
    person.subject_id,
    company_number IS NOT NULL AS is_company,
    (trim(coalesce(given_name, '')) = '')::INTEGER
        + (trim(coalesce(family_name, '')) = '')::INTEGER
        + (birth_date IS NULL)::INTEGER
        + (trim(coalesce(identity_document, '')) = '')::INTEGER
        + (trim(coalesce(street, '')) = '')::INTEGER AS identity_fields_missing,
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
