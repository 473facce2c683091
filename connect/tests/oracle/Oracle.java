import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.text.*;
import java.util.*;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.*;
import org.apache.kafka.connect.storage.*;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/**
 * Reads cases, a line of JSON each, and writes them with what Kafka Connect says to each: standard input to standard output, so what
 * was written can be read again. ../data/kafka.txt.gz is what it says to ../../../benches/peers/peers run . Generate 5 2500,
 * compressed by gzip -9n.
 *
 * A case says what it is for: "read" (a converter's class) with "bytes", and "brief" where the answer is only that they were read; "write" with "data"; "transform" or "predicate" with
 * "record"; "values" with a text that Values.parseString gets; "format" or "parse" (a pattern of SimpleDateFormat) with "ms" or
 * "text". The answer is what came out, or "config" where the options were refused, or "error" where the record was.
 */
class Oracle {
    public static void main(String[] arguments) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        Locale.setDefault(Locale.US);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        System.setOut(new PrintStream(OutputStream.nullOutputStream()));
        for (String line; (line = in.readLine()) != null; ) {
            ObjectNode asked = (ObjectNode) Codec.JSON.readTree(line);
            asked.remove("answer");
            asked.set("answer", answer(asked));
            out.println(Codec.JSON.writeValueAsString(asked));
        }
        out.flush();
        System.exit(0);
    }

    static JsonNode said(String word, Throwable why) { return Codec.NODES.objectNode().put(word, why.getClass().getSimpleName()); }

    static Map<String, String> options(JsonNode asked) {
        Map<String, String> options = new HashMap<>();
        asked.path("options").fields().forEachRemaining(one -> options.put(one.getKey(), one.getValue().asText()));
        return options;
    }

    @SuppressWarnings("unchecked")
    static JsonNode answer(JsonNode asked) {
        Object plugin;
        try {
            if (asked.has("values")) {
                SchemaAndValue data = Values.parseString(asked.get("values").asText());
                return data == null ? Codec.NODES.objectNode() : Codec.ofData(data.schema(), data.value());
            }
            if (asked.has("format")) return Codec.NODES.textNode(pattern(asked.get("format")).format(new java.util.Date(asked.get("ms").asLong())));
            if (asked.has("parse")) {
                java.util.Date date = pattern(asked.get("parse")).parse(asked.get("text").asText(), new ParsePosition(0));
                return date == null ? Codec.NODES.nullNode() : Codec.NODES.textNode("" + date.getTime());
            }
            plugin = configured(asked);
        } catch (Exception why) {
            return said("config", why);
        }
        try {
            if (asked.has("read")) {
                JsonNode read = read(plugin, asked.get("bytes"));
                return asked.has("brief") ? Codec.NODES.textNode("read") : read;
            }
            if (asked.has("write")) return written(plugin, asked.get("data"));
            ConnectRecord<?> record = Codec.record(asked.get("record"));
            if (asked.has("predicate")) return Codec.NODES.booleanNode(((Predicate) plugin).test(record));
            ConnectRecord<?> changed = ((Transformation) plugin).apply(record);
            return changed == null ? Codec.NODES.textNode("dropped") : Codec.ofRecord(changed);
        } catch (Exception | StackOverflowError why) {
            return said("error", why);
        }
    }

    static SimpleDateFormat pattern(JsonNode pattern) { return new SimpleDateFormat(pattern.asText()); }

    static Object configured(JsonNode asked) throws Exception {
        String name = null;
        for (String kind : List.of("read", "write", "transform", "predicate")) if (asked.has(kind)) name = asked.get(kind).asText();
        Object plugin = Class.forName(name).getDeclaredConstructor().newInstance();
        Map<String, String> options = options(asked);
        if (plugin instanceof SimpleHeaderConverter) ((HeaderConverter) plugin).configure(options);
        else if (plugin instanceof Converter) ((Converter) plugin).configure(options, false);
        else ((org.apache.kafka.common.Configurable) plugin).configure(options);
        return plugin;
    }

    static JsonNode read(Object plugin, JsonNode bytes) {
        byte[] given = bytes == null || bytes.isNull() ? null : Base64.getDecoder().decode(bytes.asText());
        SchemaAndValue data = plugin instanceof SimpleHeaderConverter ? ((HeaderConverter) plugin).toConnectHeader("t", "h", given) : ((Converter) plugin).toConnectData("t", given);
        return data == null ? Codec.NODES.objectNode() : Codec.ofData(data.schema(), data.value());
    }

    static JsonNode written(Object plugin, JsonNode data) {
        Schema schema = Codec.schema(data.get("schema"));
        Object value = Codec.value(data.get("value"));
        byte[] bytes = plugin instanceof SimpleHeaderConverter ? ((HeaderConverter) plugin).fromConnectHeader("t", "h", schema, value) : ((Converter) plugin).fromConnectData("t", schema, value);
        return bytes == null ? Codec.NODES.nullNode() : Codec.NODES.textNode(Base64.getEncoder().encodeToString(bytes));
    }
}
