import com.fasterxml.jackson.databind.*;
import com.fasterxml.jackson.databind.node.*;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.util.*;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.*;
import org.apache.kafka.connect.header.*;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;

/**
 * Connect's data as JSON that names every type, and is none of Kafka's own ways to write it: a value is null or an array of its
 * type and itself, a float its bits, a java.util.Date its milliseconds, a map its entries in the order of their text.
 */
class Codec {
    static final ObjectMapper JSON = new ObjectMapper();
    static final JsonNodeFactory NODES = new JsonNodeFactory(true);

    static ObjectNode ofData(Schema schema, Object value) {
        ObjectNode node = NODES.objectNode();
        if (schema != null) node.set("schema", ofSchema(schema));
        if (value != null) node.set("value", ofValue(value));
        return node;
    }

    /** What an array or map of nothing but nulls holds, which Values leaves unsaid, is written as an optional string. */
    static ObjectNode ofSchema(Schema schema) {
        if (schema == null) return ofSchema(Schema.OPTIONAL_STRING_SCHEMA);
        ObjectNode node = NODES.objectNode().put("type", schema.type().name());
        if (schema.isOptional()) node.put("optional", true);
        if (schema.name() != null) node.put("name", schema.name());
        if (schema.version() != null) node.put("version", schema.version());
        if (schema.doc() != null) node.put("doc", schema.doc());
        if (schema.parameters() != null && !schema.parameters().isEmpty()) {
            ArrayNode parameters = node.putArray("parameters");
            schema.parameters().forEach((name, value) -> parameters.addArray().add(name).add(value));
        }
        if (schema.type() == Schema.Type.STRUCT) {
            ArrayNode fields = node.putArray("fields");
            for (Field field : schema.fields()) fields.addArray().add(field.name()).add(ofSchema(field.schema()));
        }
        if (schema.type() == Schema.Type.MAP) node.set("keys", ofSchema(schema.keySchema()));
        if (schema.type() == Schema.Type.MAP || schema.type() == Schema.Type.ARRAY) node.set("values", ofSchema(schema.valueSchema()));
        if (schema.defaultValue() != null) node.set("default", ofValue(schema.defaultValue()));
        return node;
    }

    static ArrayNode typed(String type) { return NODES.arrayNode().add(type); }

    static JsonNode ofValue(Object value) {
        if (value == null) return NODES.nullNode();
        if (value instanceof Boolean) return typed("bool").add((Boolean) value);
        if (value instanceof Byte) return typed("i8").add((Byte) value);
        if (value instanceof Short) return typed("i16").add((Short) value);
        if (value instanceof Integer) return typed("i32").add((Integer) value);
        if (value instanceof Long) return typed("i64").add(value.toString());
        if (value instanceof Float) return typed("f32").add(Integer.toHexString(Float.floatToIntBits((Float) value)));
        if (value instanceof Double) return typed("f64").add(Long.toHexString(Double.doubleToLongBits((Double) value)));
        if (value instanceof String) return typed("string").add((String) value);
        if (value instanceof byte[]) return typed("bytes").add(Base64.getEncoder().encodeToString((byte[]) value));
        if (value instanceof ByteBuffer) return typed("bytes").add(Base64.getEncoder().encodeToString(((ByteBuffer) value).array()));
        if (value instanceof BigDecimal) return typed("decimal").add(value.toString());
        if (value instanceof java.util.Date) return typed("date").add("" + ((java.util.Date) value).getTime());
        if (value instanceof List) {
            ArrayNode items = NODES.arrayNode();
            for (Object item : (List<?>) value) items.add(ofValue(item));
            return typed("array").add(items);
        }
        if (value instanceof Map) {
            TreeMap<String, ArrayNode> sorted = new TreeMap<>();
            ((Map<?, ?>) value).forEach((key, item) -> sorted.put(ofValue(key).toString(), NODES.arrayNode().add(ofValue(key)).add(ofValue(item))));
            return typed("map").add(NODES.arrayNode().addAll(sorted.values()));
        }
        Struct struct = (Struct) value;
        ArrayNode values = NODES.arrayNode();
        for (Field field : struct.schema().fields()) values.add(ofValue(struct.getWithoutDefault(field.name())));
        return typed("struct").add(ofSchema(struct.schema())).add(values);
    }

    static Schema schema(JsonNode node) {
        if (node == null || node.isNull()) return null;
        Schema.Type type = Schema.Type.valueOf(node.get("type").asText());
        SchemaBuilder builder = switch (type) {
            case ARRAY -> SchemaBuilder.array(schema(node.get("values")));
            case MAP -> SchemaBuilder.map(schema(node.get("keys")), schema(node.get("values")));
            default -> new SchemaBuilder(type);
        };
        if (node.path("optional").asBoolean()) builder.optional();
        if (node.has("name")) builder.name(node.get("name").asText());
        if (node.has("version")) builder.version(node.get("version").asInt());
        if (node.has("doc")) builder.doc(node.get("doc").asText());
        if (node.has("parameters")) for (JsonNode one : node.get("parameters")) builder.parameter(one.get(0).asText(), one.get(1).asText());
        if (node.has("fields")) for (JsonNode field : node.get("fields")) builder.field(field.get(0).asText(), schema(field.get(1)));
        if (node.has("default")) builder.defaultValue(value(node.get("default")));
        return builder.build();
    }

    static Object value(JsonNode node) {
        if (node == null || node.isNull()) return null;
        JsonNode it = node.get(1);
        switch (node.get(0).asText()) {
            case "bool": return it.asBoolean();
            case "i8": return (byte) it.asInt();
            case "i16": return (short) it.asInt();
            case "i32": return it.asInt();
            case "i64": return Long.parseLong(it.asText());
            case "f32": return Float.intBitsToFloat(Integer.parseUnsignedInt(it.asText(), 16));
            case "f64": return Double.longBitsToDouble(Long.parseUnsignedLong(it.asText(), 16));
            case "string": return it.asText();
            case "bytes": return Base64.getDecoder().decode(it.asText());
            case "decimal": return new BigDecimal(it.asText());
            case "date": return new java.util.Date(Long.parseLong(it.asText()));
            case "array": {
                List<Object> items = new ArrayList<>();
                for (JsonNode item : it) items.add(value(item));
                return items;
            }
            case "map": {
                Map<Object, Object> entries = new LinkedHashMap<>();
                for (JsonNode entry : it) entries.put(value(entry.get(0)), value(entry.get(1)));
                return entries;
            }
            default: {
                Struct struct = new Struct(schema(it));
                int index = 0;
                for (Field field : struct.schema().fields()) {
                    Object inner = value(node.get(2).get(index++));
                    if (inner != null) struct.put(field, inner);
                }
                return struct;
            }
        }
    }

    static ConnectRecord<?> record(JsonNode node) {
        String topic = node.get("topic").asText();
        Integer partition = node.has("partition") ? node.get("partition").asInt() : null;
        Long timestamp = node.has("timestamp") ? Long.valueOf(node.get("timestamp").asText()) : null;
        JsonNode key = node.path("key"), value = node.path("value");
        ConnectHeaders headers = new ConnectHeaders();
        for (JsonNode header : node.path("headers")) headers.add(header.get(0).asText(), value(header.get(1).get("value")), schema(header.get(1).get("schema")));
        if (node.has("offset"))
            return new SinkRecord(topic, partition == null ? 0 : partition, schema(key.get("schema")), value(key.get("value")), schema(value.get("schema")),
                value(value.get("value")), node.get("offset").asLong(), timestamp, org.apache.kafka.common.record.TimestampType.CREATE_TIME, headers);
        return new SourceRecord(Map.of(), Map.of(), topic, partition, schema(key.get("schema")), value(key.get("value")), schema(value.get("schema")),
            value(value.get("value")), timestamp, headers);
    }

    static ObjectNode ofRecord(ConnectRecord<?> record) {
        ObjectNode node = NODES.objectNode().put("topic", record.topic());
        if (record.kafkaPartition() != null) node.put("partition", record.kafkaPartition());
        if (record.timestamp() != null) node.put("timestamp", "" + record.timestamp());
        node.set("key", ofData(record.keySchema(), record.key()));
        node.set("value", ofData(record.valueSchema(), record.value()));
        ArrayNode headers = node.putArray("headers");
        for (Header header : record.headers()) headers.addArray().add(header.key()).add(ofData(header.schema(), header.value()));
        return node;
    }
}
