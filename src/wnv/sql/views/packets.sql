-- One sighting of a packet: what was seen, where, and when.
-- Frames are wide: a join keeps its right side in memory.
CREATE VIEW packets AS
SELECT
    observations.observation_id + 1 AS number,
    observations.*,
    points.name AS point,
    points.kind AS point_kind,
    frames.* EXCLUDE (frame_id, session_id, bytes)
FROM frames
RIGHT JOIN observations ON frames.frame_id = observations.frame_id
LEFT JOIN points ON points.point_id = observations.point_id
