-- One sighting of a packet: what was seen, where, and when.
CREATE VIEW packets AS
SELECT
    observations.observation_id + 1 AS number,
    observations.*,
    points.name AS point,
    points.kind AS point_kind,
    frames.* EXCLUDE (frame_id, session_id, bytes)
FROM observations
LEFT JOIN points USING (point_id)
LEFT JOIN frames ON frames.frame_id = observations.frame_id
