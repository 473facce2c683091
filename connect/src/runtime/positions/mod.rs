mod java_map;
