-- What the score service states. Of two scores of one bracket, the lower one counts.
WITH brackets AS (
    SELECT
        subject_id,
        min(score) FILTER (bracket = 'to_50') AS to_50,
        min(score) FILTER (bracket = 'to_100') AS to_100,
        min(score) FILTER (bracket = 'to_200') AS to_200,
        min(score) FILTER (bracket = 'to_350') AS to_350
    FROM bracket_scores
    GROUP BY subject_id
),
factors AS (
    SELECT subject_id, list(text ORDER BY rank) AS texts
    FROM score_factors
    GROUP BY subject_id
)
SELECT
    scores.subject_id,
    concat_ws(' ', scores.model, scores.model_version) AS model_and_version,
    nullif(model_and_version, '') AS score_model,
    factors.texts[1] AS score_factor_1,
    factors.texts[2] AS score_factor_2,
    factors.texts[3] AS score_factor_3,
    factors.texts[4] AS score_factor_4,
    payback_prediction,
    to_50 AS cash_advance_score_to_50,
    to_100 AS cash_advance_score_to_100,
    to_200 AS cash_advance_score_to_200,
    to_350 AS cash_advance_score_to_350
FROM scores
SEMI JOIN subjects USING (subject_id)
LEFT JOIN brackets USING (subject_id)
LEFT JOIN factors USING (subject_id)
