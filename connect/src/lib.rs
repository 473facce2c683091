//! Data in and out of topics: Kafka Connect's model, converters, transforms, connectors and REST surface.
