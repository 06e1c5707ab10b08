-- The tables of places. Persist makes what is missing; `run_id` and `seen_at` name the last run that saw a row.
CREATE TABLE IF NOT EXISTS t_locations_prd (
    place_id text PRIMARY KEY,
    externalid text NOT NULL,
    city text NOT NULL,
    name text NOT NULL,
    names jsonb NOT NULL,
    category text,
    source text NOT NULL,
    sources text[] NOT NULL,
    confidence double precision NOT NULL,
    licences jsonb NOT NULL,
    run_id text NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS t_location_coordinates (
    place_id text PRIMARY KEY REFERENCES t_locations_prd ON DELETE CASCADE,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    coordinates_confidence double precision NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS t_locations_prd_details (
    place_id text PRIMARY KEY REFERENCES t_locations_prd ON DELETE CASCADE,
    h3_index_8 text,
    h3_index_9 text,
    h3_index_12 text,
    members text[] NOT NULL,
    address jsonb,
    external_refs jsonb NOT NULL,
    additional_content jsonb NOT NULL,
    field_provenance jsonb NOT NULL,
    lineage jsonb NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS t_location_neighborhoods (
    place_id text NOT NULL REFERENCES t_locations_prd ON DELETE CASCADE,
    neighbor_id text NOT NULL REFERENCES t_locations_prd ON DELETE CASCADE,
    distance_m double precision NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (place_id, neighbor_id)
);
CREATE INDEX IF NOT EXISTS t_locations_prd_externalid ON t_locations_prd (externalid);
CREATE INDEX IF NOT EXISTS t_locations_prd_city_category ON t_locations_prd (city, category);
CREATE INDEX IF NOT EXISTS t_locations_prd_details_h3_index_9 ON t_locations_prd_details (h3_index_9);
CREATE INDEX IF NOT EXISTS t_location_neighborhoods_neighbor ON t_location_neighborhoods (neighbor_id);
