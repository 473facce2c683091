import com.fasterxml.jackson.databind.node.*;
import java.io.*;
import java.math.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.connect.data.*;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.json.JsonConverter;

/** Writes cases for Oracle: grids by hand, then as many random ones of each kind as the second argument says, by the seed that is the first. */
class Generate {
    static final String API = "org.apache.kafka.connect.storage.", PRIMITIVE = "org.apache.kafka.connect.converters.", JSON = "org.apache.kafka.connect.json.JsonConverter",
        SMT = "org.apache.kafka.connect.transforms.";
    static PrintStream out;
    static Random random;

    public static void main(String[] arguments) {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        random = new Random(Long.parseLong(arguments[0]));
        grids();
        int count = Integer.parseInt(arguments[1]);
        for (int i = 0; i < count; i++) {
            if (i % 4 == 0) randomRead();
            if (i % 4 == 1) randomWrite();
            randomTransform();
            if (i % 4 == 2) randomText();
        }
        out.flush();
        System.exit(0);
    }

    static ObjectNode node() { return Codec.NODES.objectNode(); }

    static void put(ObjectNode asked, Map<String, String> options) {
        if (!options.isEmpty()) options.forEach(asked.putObject("options")::put);
        out.println(asked.toString());
    }

    static void read(String name, Map<String, String> options, byte[] bytes) {
        ObjectNode asked = node().put("read", name);
        if (bytes != null) asked.put("bytes", Base64.getEncoder().encodeToString(bytes));
        put(asked, options);
    }

    static void write(String name, Map<String, String> options, Schema schema, Object value) {
        ObjectNode asked = node().put("write", name);
        asked.set("data", Codec.ofData(schema, value));
        putWrite(asked, options);
    }

    /** Of bytes StringConverter writes the address, another each time. */
    static void putWrite(ObjectNode asked, Map<String, String> options) {
        if (!asked.get("write").asText().endsWith("StringConverter") || !asked.toString().contains("\"bytes\"")) put(asked, options);
    }

    static byte[] utf8(String text) { return text.getBytes(StandardCharsets.UTF_8); }

    static final Map<String, String> NONE = Map.of(), PLAIN = Map.of("schemas.enable", "false");
    static final String[] CONVERTERS = {JSON, API + "StringConverter", API + "SimpleHeaderConverter", PRIMITIVE + "ByteArrayConverter", PRIMITIVE + "BooleanConverter",
        PRIMITIVE + "ShortConverter", PRIMITIVE + "IntegerConverter", PRIMITIVE + "LongConverter", PRIMITIVE + "FloatConverter", PRIMITIVE + "DoubleConverter"};

    static final String[] TEXTS = {"", " ", "null", "true", "false", "True", "true}", " true ", "1", "-1", "+5", "127", "128", "-32769", "65536", "2147483648", "9223372036854775807",
        "9223372036854775808", "-9223372036854775809", "1.0", "1.5", "-0.0", "0.1", "1e3", "1e39", "1e309", "1e-400", "1.", ".5", "-.5", "0x10", "12abc", "1 2", "1,2", "007",
        "1970-01-01", "2023-11-14", "2023-13-45", "12-34-5678", "1234567890", "00:00:00.000Z", "23:59:59.999Z", "25:61:61.000Z", "2023-11-14T22:13:20.123Z",
        "2023-11-14T22\\:13\\:20.123Z", "\"quoted\"", "\"2023-11-14\"", "[", "]", "[]", "{}", "[1]", "[1, 2.5]", "[1,300,70000]", "[true, false]", "[null]", "[1,null]", "[a]", "[\"a\",\"b\"]",
        "[1,\"a\"]", "[1,,2]", "[1,]", "[,1]", "[1 2]", "[[1],[2]]", "[[1],[300]]", "{\"a\":1}", "{\"a\":1,\"b\":300}", "{\"a\":null}", "{null:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1 \"b\":2}", "{1:2}",
        "{\"a\":[1,2]}", "{,}", "{\"a\":1,}", "a:b", "a,b", "a\\,b", "\\", "\"", "\"a", "a\"b", "é", "日本", "[\"2023-11-14\"]", "[2023-11-14]", "12:30", "1:2:3:4:5", "[1970-01-01,1970-01-02]", "[\"a\\\"b\"]", "nul", "nullx",
        "[1.5,2]", "[1.5, 1e300]", "{\"a\":1.5,\"b\":1}", "99999999999999999999", "[1,99999999999999999999]", "1E400", "-1E400", "0e400", "1e20", "12345678901234567890.5", "1.10"};

    static final String[] JSONS = {"", " ", "null", "true", "false", "1", "-1", "0", "-0", "01", "-01", "1.0", "1.5", "1e2", "1E+2", "1e-2", "1e400", "1e-400", "1e99999999999", "123456789012345678901234567890",
        "-123456789012345678901234567890", "\"a\"", "\"\\u00e9\\n\\/\\\\\\\"\"", "\"\\ud834\\udd1e\"", "[]", "{}", "[1,\"a\",null,true,1.5,{}]", "{\"a\":{\"b\":[1]}}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"b\":2,\"a\":3}", "[1,]", "{\"a\":1,}", "{a:1}", "'a'", "nul", "truex", "1x", "1 x", "{} x", "[1]]",
        "\"a", "\"a\tb\"", "\"\\x\"", "+1", ".5", "1.", "-", "NaN", "Infinity", "// c\n1", "/* c */ 1", "\uFEFF1", "\u00a01", "[1 2]", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"\":1}", "1.2.3", "1e", "1e+", "--1", "\"\\u12\"", "\"\\u12G4\"", "[", "{", "[[", "{\"a\":", "tru", "0.1000", "1e2147483648", "1e-2147483648", "1\n2", "\"a\"\"b\"",
        "{\"schema\":null,\"payload\":null}", "{\"schema\":null,\"payload\":1}", "{\"payload\":1,\"schema\":null}", "{\"schema\":null}", "{\"schema\":null,\"payload\":1,\"x\":1}", "{\"schema\":{},\"payload\":1}", "{\"schema\":1,\"payload\":1}",
        "{\"schema\":{\"type\":\"nope\"},\"payload\":1}", "{\"schema\":{\"type\":1},\"payload\":1}", "{\"schema\":{\"type\":\"array\"},\"payload\":[]}", "{\"schema\":{\"type\":\"map\"},\"payload\":{}}", "{\"schema\":{\"type\":\"struct\"},\"payload\":{}}",
        "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int8\"}]},\"payload\":{}}", "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int8\",\"field\":\"a\"},{\"type\":\"int8\",\"field\":\"a\"}]},\"payload\":{}}",
        "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int8\",\"field\":\"a\"}]},\"payload\":{\"a\":1,\"b\":2}}", "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int8\",\"field\":\"\"}]},\"payload\":{\"\":1}}",
        "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int8\",\"field\":\"a\",\"default\":5}]},\"payload\":{}}", "{\"schema\":{\"type\":\"struct\",\"fields\":[],\"default\":{}},\"payload\":null}",
        "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"field\":\"a\"}],\"default\":{\"a\":\"x\"}},\"payload\":null}", "{\"schema\":{\"type\":\"int8\",\"parameters\":{\"a\":1}},\"payload\":1}", "{\"schema\":{\"type\":\"int8\",\"parameters\":{\"a\":\"1\"},\"version\":2.5,\"doc\":1,\"name\":\"n\"},\"payload\":1}",
        "{\"schema\":{\"type\":\"int8\",\"optional\":\"yes\"},\"payload\":null}", "{\"schema\":{\"type\":\"int8\",\"optional\":true,\"default\":null},\"payload\":null}", "{\"schema\":{\"type\":\"int8\",\"default\":null},\"payload\":1}", "{\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"int8\"}},\"payload\":{\"a\":1}}",
        "{\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"int8\"}},\"payload\":5}", "{\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"int8\"}},\"payload\":[null]}", "{\"schema\":{\"type\":\"map\",\"keys\":{\"type\":\"string\"},\"values\":{\"type\":\"int8\"}},\"payload\":{\"a\":1}}",
        "{\"schema\":{\"type\":\"map\",\"keys\":{\"type\":\"int8\"},\"values\":{\"type\":\"int8\"}},\"payload\":[[1,2],[3,4]]}", "{\"schema\":{\"type\":\"map\",\"keys\":{\"type\":\"int8\"},\"values\":{\"type\":\"int8\"}},\"payload\":[[1]]}", "{\"schema\":{\"type\":\"map\",\"keys\":{\"type\":\"int8\"},\"values\":{\"type\":\"int8\"}},\"payload\":{}}",
        "{\"schema\":{\"type\":\"map\",\"keys\":null,\"values\":{\"type\":\"int8\"}},\"payload\":{}}", "{\"schema\":{\"type\":\"array\",\"items\":null},\"payload\":[]}"};
    static final String[] TYPES = {"boolean", "int8", "int16", "int32", "int64", "float", "double", "string", "bytes"};
    static final String[] LOGICAL = {"{\"type\":\"int32\",\"name\":\"org.apache.kafka.connect.data.Date\",\"version\":1}", "{\"type\":\"int32\",\"name\":\"org.apache.kafka.connect.data.Time\",\"version\":1}", "{\"type\":\"int64\",\"name\":\"org.apache.kafka.connect.data.Timestamp\",\"version\":1}",
        "{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\",\"version\":1,\"parameters\":{\"scale\":\"2\"}}", "{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\",\"version\":1}", "{\"type\":\"string\",\"name\":\"org.apache.kafka.connect.data.Date\"}"};
    static final String[] PAYLOADS = {"null", "true", "1", "-129", "70000", "3000000000", "86400000", "86400001", "-5", "1.5", "-2.9", "1e30", "123456789012345678901234567890", "\"\"", "\"a\"", "\"YQ==\"", "\"YWI\"", "\"YR==\"", "\"YWJj YWJj\"", "\"YW Jj\"", "[]", "{}", "[1]"};
    static final String[] PATTERNS = {"yyyy-MM-dd", "yyyyMMdd", "yyyyMMddHHmmssSSS", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "yyyy-MM-dd'T'HH:mm:ssX", "yyyy-MM-dd'T'HH:mm:ssXX", "yyyy-MM-dd HH:mm:ss Z", "EEE, dd MMM yyyy HH:mm:ss z", "dd/MMM/yyyy:HH:mm:ss Z", "MMMM d, yyyy h:mm a", "yy/M/d", "YYYYMM", "YYYY-'W'ww-u",
        "DDD yyyy", "G y", "K k H h", "EEEE W F", "''yyyy''", "'o''clock' h", "yyyy", "HH:mm", "S SS SSS SSSS", "LLL L", "zzzz", "yyy y yyyyy", "MMM dd yyyy", "yyyyMM", "x", "b", "'", "yyyy'", "XXXX", "hh:mm:ss.SSS a", "d", "E u"};
    static final long[] MOMENTS = {0, 1, -1, 999, 86399999, 86400000, -86400000, 1700000000123L, 1704067199999L, 1703980800000L, 951782400000L, -12219292800000L, -12219292800001L, -62135769600000L, -62135769600001L, 253402300800000L, 4102444800000L, 1735603200000L, 1672531200000L};
    static final String[] DATES = {"1970-01-01", "2023-11-14", "2023-11-14T22:13:20.123Z", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20+01", "2023-11-14T22:13:20+0130", "2023-11-14T22:13:20.123+01:30", "2023-11-14 22:13:20 +0100", "Tue, 14 Nov 2023 22:13:20 GMT", "Tue, 14 Nov 2023 22:13:20 PST", "14/Nov/2023:22:13:20 +0000",
        "November 14, 2023 10:13 PM", "november 14, 2023 12:00 am", "23/11/14", "20231114", "20231114221320123", "2023-02-30", "2023-00-00", "2023-13-01", "0001-01-01", "1582-10-04", "1582-10-15", "1500-02-29", "-001-01-01", "2023-1-1", " 2023-11-14", "2023 -11-14", "202311", "12", "x", "", "2023", "318 2023", "22:13", "10:13:20.5 PM", "AD 2023", "BC 5", "'2023'", "o'clock 5", "Nov 14 2023", "99999999999-01-01", "Tue 2", "32"};

    static void grids() {
        for (String converter : CONVERTERS) read(converter, NONE, null);
        for (String json : JSONS) {
            read(JSON, PLAIN, utf8(json));
            read(JSON, NONE, utf8(json));
        }
        for (int depth : new int[] {999, 1000, 1001}) put(node().put("read", JSON).put("brief", true).put("bytes", Base64.getEncoder().encodeToString(utf8("[".repeat(depth) + "]".repeat(depth)))), PLAIN);
        for (int digits : new int[] {1000, 1001}) read(JSON, PLAIN, utf8("1".repeat(digits)));
        List<String> schemas = new ArrayList<>(List.of(LOGICAL));
        for (String type : TYPES) schemas.add("{\"type\":\"" + type + "\"}");
        for (String schema : schemas) for (String payload : PAYLOADS) {
            read(JSON, NONE, utf8("{\"schema\":" + schema + ",\"payload\":" + payload + "}"));
            read(JSON, Map.of("schema.content", schema), utf8(payload));
        }
        for (String bad : new String[] {"", "x", "null", "{}", "1", "{\"type\":\"int8\"", " {\"type\":\"int8\"} "}) read(JSON, Map.of("schema.content", bad), utf8("1"));
        for (String format : new String[] {"BASE64", "numeric", "Numeric", "", "x"}) write(JSON, Map.of("decimal.format", format), Decimal.schema(2), new BigDecimal("1.50"));
        for (String yes : new String[] {"true", "TRUE", " false ", "yes", ""}) write(JSON, Map.of("schemas.enable", yes), Schema.INT8_SCHEMA, (byte) 1);
        for (String charset : new String[] {"UTF-8", "utf8", "US-ASCII", "ISO-8859-1", "UTF-16", "UTF-16BE", "UTF-16LE", "nope", ""}) {
            Map<String, String> options = Map.of("converter.encoding", charset);
            for (String text : new String[] {"", "a", "é€𝄞"}) write(API + "StringConverter", options, Schema.STRING_SCHEMA, text);
            for (byte[] bytes : new byte[][] {{}, {97}, {(byte) 0xff, (byte) 0xfe, 97, 0}, {(byte) 0xfe, (byte) 0xff, 0, 97}, {0, 97, 0}, {(byte) 0xe2, (byte) 0x82}, {(byte) 0xc3, (byte) 0xa9}, {(byte) 0xf0, (byte) 0x9d, 97}, {(byte) 0xc0, (byte) 0x80}})
                read(API + "StringConverter", options, bytes);
        }
        for (String text : TEXTS) {
            out.println(node().put("values", text));
            read(API + "SimpleHeaderConverter", NONE, utf8(text));
        }
        for (int width = 0; width < 10; width++) for (String converter : CONVERTERS) if (converter.startsWith(PRIMITIVE)) {
            byte[] bytes = new byte[width];
            if (width > 0) bytes[width - 1] = (byte) (width % 3);
            read(converter, NONE, bytes);
        }
        for (Object value : scalars()) for (String converter : CONVERTERS) {
            write(converter, NONE, null, value);
            write(converter, PLAIN, schemaOf(value), value);
        }
        List<Object> cast = scalars();
        cast.addAll(List.of("NaN", "+Infinity", "infinity", "1f", "1d", " 5 ", "0x1p3", "1e5", "1_000", "TRUE", "yes", "127", "128", "+7", "-7", "300.7", 300.7, -300.7f, 1e30, -1e30f, 4000000000.5));
        for (Object value : cast) for (String type : new String[] {"int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"}) {
            Schema schema = schemaOf(value);
            for (Schema of : schema == null ? new Schema[] {null} : new Schema[] {null, schema}) {
                ObjectNode record = node().put("topic", "t");
                record.set("value", Codec.ofData(of, value));
                transform(SMT + "Cast$Value", Map.of("spec", type), record);
            }
        }
        for (String pattern : PATTERNS) {
            for (long ms : MOMENTS) out.println(node().put("format", pattern).put("ms", ms));
            for (String text : DATES) out.println(node().put("parse", pattern).put("text", text));
        }
        configurations();
    }

    static List<Object> scalars() {
        List<Object> all = new ArrayList<>(Arrays.asList(true, false, (byte) 1, (byte) -128, (short) 300, 70000, 3000000000L, Long.MIN_VALUE, 0f, -0f, 1.5f, 0.1f, 1e10f, 1.5E-38f, Float.NaN, Float.POSITIVE_INFINITY, 0d, -0d, 1.0, 0.001, 0.00099, 9999999.0, 1e7,
            1.5e22, -1e-5, 1e300, 4.9e-324, Double.MAX_VALUE, Double.NaN, Double.NEGATIVE_INFINITY, "", "a", "true", "42", "\"\\\b\f\n\r\t\u0001\u001f\u007f/é€𝄞", new byte[] {}, new byte[] {0, -1, 97}, new BigDecimal("0"), new BigDecimal("1.50"), new BigDecimal("-1E+3"),
            new BigDecimal("1E-10"), new BigDecimal("123456789012345678901234567890.12"), new java.util.Date(0), new java.util.Date(86400000L * 365), new java.util.Date(1700000000123L), new java.util.Date(-1), List.of(), List.of(1, "a"), Map.of(), Map.of("a", 1), Map.of(1, "a")));
        all.add(Arrays.asList(null, 1L));
        return all;
    }

    static Schema schemaOf(Object value) {
        if (value instanceof BigDecimal) return Decimal.schema(((BigDecimal) value).scale());
        if (value instanceof java.util.Date) return Timestamp.SCHEMA;
        Schema schema = Values.inferSchema(value);
        return schema;
    }

    static void configurations() {
        String[][] all = {{"Cast$Value", "spec", "", "int8", "int9", "array", "bytes", "a:int8", "a:int8,b:string", "int8,int16", "a:int8,int16", "a:b:c", "a:", ":int8", " a : INT8 "}, {"DropHeaders", "headers", "", "a", "a,b", " "}, {"ExtractField$Value", "field", "", "a", "a.b"},
            {"Flatten$Value", "delimiter", "", ".", "__"}, {"HoistField$Value", "field", "", "a"}, {"InsertHeader", "header", "", "a"}, {"MaskField$Value", "fields", "", "a", "a,a"}, {"RegexRouter", "regex", "", ".*", "(", "[a"}, {"ReplaceField$Value", "renames", "", "a:b", "a", "a:b:c", "a:", ":b", "a:b,a:c", "a:b,c:b"},
            {"SetSchemaMetadata$Value", "schema.version", "", "1", "x", "2147483648"}, {"TimestampConverter$Value", "target.type", "", "string", "unix", "Date", "date", "Time", "Timestamp", "x"}, {"TimestampConverter$Value", "format", "", "yyyy", "bbb", "'"}, {"TimestampRouter", "timestamp.format", "", "yyyy", "YYYY"},
            {"ValueToKey", "fields", "", "a", "a,b"}, {"InsertField$Value", "topic.field", "", "a", "a!", "a?", "!"}, {"InsertField$Value", "static.field", "a"}, {"HeaderFrom$Value", "operation", "", "move", "copy", "Move", "x"}, {"Filter", "x", "y"}};
        for (String[] one : all) {
            String name = SMT + one[0];
            transform(name, Map.of(), sample());
            for (int i = 2; i < one.length; i++) {
                transform(name, Map.of(one[1], one[i]), sample());
                if (one[0].startsWith("HeaderFrom")) transform(name, Map.of(one[1], one[i], "fields", "a", "headers", "h"), sample());
                if (one[0].equals("RegexRouter")) transform(name, Map.of(one[1], one[i], "replacement", "x"), sample());
                if (one[1].equals("header")) transform(name, Map.of(one[1], one[i], "value.literal", "1"), sample());
                if (one[1].equals("target.type")) transform(name, Map.of(one[1], one[i], "format", "yyyy", "field", "a"), sample());
            }
        }
        for (String path : new String[] {"a", "a.b", "`a.b`", "`a`.b", "a.`b.c`", "`a", "a.`b", "`a`b`", "`a\\`.b`", "", ".", "a.", ".a"}) transform(SMT + "ExtractField$Value", Map.of("field", path, "field.syntax.version", "V2"), sample());
        for (String version : new String[] {"V1", "v2", "V3", ""}) transform(SMT + "ExtractField$Value", Map.of("field", "a", "field.syntax.version", version), sample());
        for (String pattern : new String[] {"", "t", "to.*", "topi", "(", "topic|x"}) predicate("TopicNameMatches", Map.of("pattern", pattern), sample());
        for (String header : new String[] {"", "h1", "H1", "x"}) predicate("HasHeaderKey", Map.of("name", header), sample());
        predicate("HasHeaderKey", Map.of(), sample());
        predicate("RecordIsTombstone", Map.of(), sample());
        predicate("RecordIsTombstone", Map.of(), node().put("topic", "t"));
        for (String replacement : new String[] {"$1", "$2", "x", "", "$", "\\$1", "a$1b$0", "${n}", "$10", "\\"}) {
            transform(SMT + "RegexRouter", Map.of("regex", "(to)(.*)", "replacement", replacement), sample());
            transform(SMT + "RegexRouter", Map.of("regex", "(?<n>t)opic|x", "replacement", replacement), sample());
        }
        for (String literal : TEXTS) transform(SMT + "InsertHeader", Map.of("header", "h", "value.literal", literal), sample());
    }

    static ObjectNode sample() {
        ObjectNode record = node().put("topic", "topic").put("timestamp", "1700000000123");
        Map<String, Object> value = new LinkedHashMap<>();
        value.put("a", 1L);
        value.put("b", Map.of("c", "x"));
        value.put("a.b", "dotted");
        record.set("value", Codec.ofData(null, value));
        record.putArray("headers").addArray().add("h1").add(Codec.ofData(Schema.STRING_SCHEMA, "x"));
        return record;
    }

    static void transform(String name, Map<String, String> options, ObjectNode record) {
        ObjectNode asked = node().put("transform", name);
        asked.set("record", record);
        put(asked, options);
    }

    static void predicate(String name, Map<String, String> options, ObjectNode record) {
        ObjectNode asked = node().put("predicate", SMT + "predicates." + name);
        asked.set("record", record);
        put(asked, options);
    }

    // Random data. Names are few, so that configurations meet fields.

    static final String[] NAMES = {"a", "b", "c", "d", "a.b", "", "é"};

    @SafeVarargs
    static <T> T one(T... of) { return of[random.nextInt(of.length)]; }

    static boolean chance(int percent) { return random.nextInt(100) < percent; }

    static Schema schema(int depth) {
        SchemaBuilder builder = null;
        switch (random.nextInt(depth > 0 ? 16 : 12)) {
            case 0: builder = SchemaBuilder.bool(); break;
            case 1: builder = SchemaBuilder.int8(); break;
            case 2: builder = SchemaBuilder.int16(); break;
            case 3: builder = SchemaBuilder.int32(); break;
            case 4: builder = SchemaBuilder.int64(); break;
            case 5: builder = SchemaBuilder.float32(); break;
            case 6: builder = SchemaBuilder.float64(); break;
            case 7: builder = SchemaBuilder.string(); break;
            case 8: builder = SchemaBuilder.bytes(); break;
            case 9: builder = Decimal.builder(random.nextInt(4)); break;
            case 10: builder = chance(50) ? Date.builder() : Time.builder(); break;
            case 11: builder = Timestamp.builder(); break;
            case 12: builder = SchemaBuilder.array(schema(depth - 1)); break;
            case 13: builder = SchemaBuilder.map(chance(70) ? Schema.STRING_SCHEMA : schema(0), schema(depth - 1)); break;
            default: return structure(depth - 1, chance(30));
        }
        return marked(builder, chance(40));
    }

    static Schema structure(int depth, boolean optional) {
        SchemaBuilder builder = SchemaBuilder.struct();
        for (String name : new TreeSet<>(List.of(one(NAMES), one(NAMES), one(NAMES), one(NAMES)))
            .stream().filter(name -> !name.isEmpty()).toList()) builder.field(name, schema(depth));
        return marked(builder, optional);
    }

    static Schema marked(SchemaBuilder builder, boolean optional) {
        if (optional) builder.optional();
        if (builder.name() == null && chance(15)) builder.name("n");
        if (builder.version() == null && chance(15)) builder.version(random.nextInt(3));
        if (chance(10)) builder.doc("doc");
        if (chance(10)) builder.parameter("p", "1").parameter("o", "2");
        if (builder.type().isPrimitive() && chance(20)) builder.defaultValue(value(builder));
        return builder.build();
    }

    static Object orNull(Schema schema) { return schema.isOptional() && chance(30) || schema.defaultValue() != null && chance(50) ? null : value(schema); }

    static Object value(Schema schema) {
        if (Decimal.LOGICAL_NAME.equals(schema.name())) return new BigDecimal(BigInteger.valueOf(number()), Integer.parseInt(schema.parameters().get("scale")));
        if (Date.LOGICAL_NAME.equals(schema.name())) return new java.util.Date(86400000L * (random.nextInt(40000) - 10000));
        if (Time.LOGICAL_NAME.equals(schema.name())) return new java.util.Date(random.nextInt(86400000));
        if (Timestamp.LOGICAL_NAME.equals(schema.name())) return new java.util.Date(one(0L, 1L, -1L, 86400000L, 1700000000123L, random.nextLong() % 100000000000000L));
        switch (schema.type()) {
            case BOOLEAN: return random.nextBoolean();
            case INT8: return (byte) number();
            case INT16: return (short) number();
            case INT32: return (int) number();
            case INT64: return number();
            case FLOAT32: return (float) fraction();
            case FLOAT64: return fraction();
            case STRING: return text();
            case BYTES: { byte[] bytes = new byte[random.nextInt(5)]; random.nextBytes(bytes); return bytes; }
            case ARRAY: {
                List<Object> items = new ArrayList<>();
                for (int i = random.nextInt(3); i > 0; i--) items.add(element(schema.valueSchema()));
                return items;
            }
            case MAP: {
                Map<Object, Object> entries = new LinkedHashMap<>();
                for (int i = random.nextInt(3); i > 0; i--) {
                    Object key = value(schema.keySchema());
                    entries.put(key instanceof byte[] ? new byte[0].getClass() == key.getClass() ? java.nio.ByteBuffer.wrap((byte[]) key) : key : key, element(schema.valueSchema()));
                }
                return entries;
            }
            default: {
                Struct struct = new Struct(schema);
                for (Field field : schema.fields()) {
                    Object inner = orNull(field.schema());
                    if (inner != null) struct.put(field, inner);
                }
                return struct;
            }
        }
    }

    static Object element(Schema schema) { return schema.isOptional() && chance(30) ? null : value(schema); }

    static long number() { return one(0L, 1L, -1L, 5L, 127L, 128L, 300L, -32769L, 70000L, 1700000000L, 1700000000123L, Long.MAX_VALUE, Long.MIN_VALUE, random.nextLong(), (long) random.nextInt(1000)); }

    // Only what has one shortest text: before JDK 19 Double.toString did not always find it.
    static double fraction() { return one(0.0, -0.0, 1.0, 1.5, -2.75, 0.001, 1e10, -1e-7, 12345.678, 1e300, (double) random.nextInt(100000) / 8); }

    static String text() { return chance(60) ? one(TEXTS) : chance(50) ? one(DATES) : one("x", "yes", "TRUE", "1f", " 5 ", "NaN", "+Infinity", "infinity", "1e5", "0x1p3", "1_000", "é\u0001\"\\", "-7", "+7", "300"); }

    static Object loose(int depth) {
        switch (random.nextInt(depth > 0 ? 9 : 7)) {
            case 0: return null;
            case 1: return random.nextBoolean();
            case 2: return number();
            case 3: return fraction();
            case 4: return text();
            case 5: return one((Object) (byte) 5, (short) 300, 70000, 1.5f, new byte[] {1, 2});
            case 6: return one((Object) new BigDecimal("1.50"), number(), text());
            case 7: {
                List<Object> items = new ArrayList<>();
                for (int i = random.nextInt(3); i > 0; i--) items.add(loose(depth - 1));
                return items;
            }
            default: return looseMap(depth - 1);
        }
    }

    static Map<String, Object> looseMap(int depth) {
        Map<String, Object> entries = new LinkedHashMap<>();
        for (int i = random.nextInt(5); i > 0; i--) entries.put(one(NAMES), loose(depth));
        return entries;
    }

    static ObjectNode half() {
        int kind = random.nextInt(10);
        if (kind < 1) return node();
        if (kind < 4) return Codec.ofData(null, looseMap(2));
        if (kind < 5) return Codec.ofData(null, loose(1));
        Schema schema = kind < 9 ? structure(2, chance(20)) : schema(1);
        return Codec.ofData(schema, orNull(schema));
    }

    static ObjectNode record() {
        ObjectNode record = node().put("topic", one("topic", "logs-eu", "a.b", "x"));
        if (chance(70)) record.put("partition", random.nextInt(5));
        if (chance(80)) record.put("timestamp", "" + one(0L, 1700000000123L, -1L, 1704067199999L));
        record.set("key", half());
        record.set("value", half());
        ArrayNode headers = record.putArray("headers");
        for (int i = random.nextInt(3); i > 0; i--) {
            Schema schema = schema(1);
            headers.addArray().add(one("h1", "h2", "a")).add(Codec.ofData(schema, value(schema)));
        }
        if (chance(50)) record.put("offset", random.nextInt(1000)).put("partition", random.nextInt(5));
        return record;
    }

    static String names(int most) {
        Set<String> names = new LinkedHashSet<>();
        for (int i = 1 + random.nextInt(most); i > 0; i--) names.add(one("a", "b", "c", "d", "a.b", "none"));
        return String.join(",", names);
    }

    static void randomTransform() {
        String half = chance(25) ? "$Key" : "$Value";
        Map<String, String> options = new TreeMap<>();
        String[] names = {"Cast", "DropHeaders", "ExtractField", "Flatten", "HeaderFrom", "HoistField", "InsertField", "InsertHeader", "MaskField", "RegexRouter", "ReplaceField", "SetSchemaMetadata", "TimestampConverter", "TimestampRouter", "ValueToKey", "TimestampConverter", "Cast"};
        String name = one(names);
        switch (name) {
            case "Cast": {
                String[] types = {"int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"};
                List<String> casts = new ArrayList<>();
                for (String field : names(3).split(",")) casts.add(field + ":" + one(types));
                options.put("spec", chance(25) ? one(types) : String.join(",", casts));
                break;
            }
            case "DropHeaders": options.put("headers", one("h1", "h1,h2", "a,x")); break;
            case "ExtractField":
                options.put("field", one("a", "b", "a.b", "a.b.c", "`a.b`", "b.a", "none"));
                if (chance(70)) options.put("field.syntax.version", "V2");
                break;
            case "Flatten": if (chance(50)) options.put("delimiter", one("_", "", ".", "-")); break;
            case "HeaderFrom": {
                String fields = names(2);
                options.put("fields", fields);
                options.put("headers", fields.contains(",") ? "x,y" : "x");
                options.put("operation", one("move", "copy"));
                break;
            }
            case "HoistField": options.put("field", one("a", "line")); break;
            case "InsertField": {
                if (chance(40)) options.put("topic.field", one("t", "t!", "t?", "a"));
                if (chance(40)) options.put("partition.field", one("p", "p!", "b"));
                if (chance(25)) options.put("offset.field", one("o", "o!"));
                if (chance(40)) options.put("timestamp.field", one("ts", "ts!"));
                if (chance(40)) options.put("static.field", one("s", "s!"));
                if (chance(40)) options.put("static.value", one("v", "", "1"));
                break;
            }
            case "InsertHeader": options.put("header", one("h1", "new")); options.put("value.literal", one(TEXTS)); break;
            case "MaskField": options.put("fields", names(3)); if (chance(60)) options.put("replacement", one("x", "42", "1.5", "-300", "99999999999", "1e3")); break;
            case "RegexRouter": options.put("regex", one("(.*)-(.*)", "topic", ".*", "(?<n>x)", "t(o)?(z)?.*")); options.put("replacement", one("$1", "$2-$1", "new", "${n}", "$0$0", "")); break;
            case "ReplaceField":
                if (chance(50)) options.put("exclude", names(2));
                if (chance(30)) options.put("include", names(3));
                if (chance(50)) options.put("renames", one("a:z", "a:b", "a:b,b:a", "b:x,c:y", "none:a"));
                break;
            case "SetSchemaMetadata": if (chance(70)) options.put("schema.name", one("new", "other")); if (chance(60)) options.put("schema.version", "" + random.nextInt(9)); break;
            case "TimestampConverter":
                options.put("field", one("", "a", "b", "c", "d"));
                options.put("target.type", one("string", "unix", "Date", "Time", "Timestamp"));
                options.put("format", one("yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "yyyyMMddHHmm", ""));
                if (chance(50)) options.put("unix.precision", one("seconds", "milliseconds", "microseconds", "nanoseconds"));
                break;
            case "TimestampRouter": if (chance(50)) options.put("topic.format", one("${timestamp}/${topic}", "fixed", "${topic}${topic}")); if (chance(50)) options.put("timestamp.format", one("yyyy", "HH:mm", "YYYY-ww")); break;
            default: options.put("fields", names(2));
        }
        if (chance(25) && !List.of("DropHeaders", "Flatten", "HoistField", "InsertHeader", "RegexRouter", "TimestampRouter").contains(name)) options.put("replace.null.with.default", one("true", "false"));
        boolean halves = !List.of("DropHeaders", "InsertHeader", "RegexRouter", "TimestampRouter", "ValueToKey").contains(name);
        transform(SMT + name + (halves ? half : ""), options, record());
    }

    static Map<String, String> jsonOptions() {
        Map<String, String> options = new TreeMap<>();
        if (chance(40)) options.put("schemas.enable", "false");
        if (chance(50)) options.put("decimal.format", one("BASE64", "NUMERIC"));
        if (chance(30)) options.put("replace.null.with.default", one("true", "false"));
        return options;
    }

    static void randomWrite() {
        ObjectNode asked = node().put("write", chance(60) ? JSON : one(CONVERTERS));
        asked.set("data", half());
        putWrite(asked, asked.get("write").asText().equals(JSON) ? jsonOptions() : NONE);
    }

    /** What a converter wrote, as it is or with a few characters changed. */
    static void randomRead() {
        Map<String, String> options = jsonOptions();
        JsonConverter converter = new JsonConverter();
        converter.configure(options, false);
        byte[] bytes;
        try {
            Schema schema = schema(3);
            bytes = converter.fromConnectData("t", schema, value(schema));
        } catch (Exception why) {
            return;
        }
        if (chance(60)) {
            StringBuilder text = new StringBuilder(new String(bytes, StandardCharsets.UTF_8));
            for (int i = 1 + random.nextInt(3); i > 0 && text.length() > 0; i--) {
                int at = random.nextInt(text.length());
                if (chance(50)) text.deleteCharAt(at);
                else text.insert(at, one("\"", "{", "}", "[", "]", ",", ":", "0", "9", "-", ".", "e", "null", "true", " ", "\\", "a", "1.5"));
            }
            bytes = utf8(text.toString());
        }
        read(JSON, options, bytes);
    }

    static void randomText() {
        StringBuilder text = new StringBuilder(one(TEXTS));
        for (int i = random.nextInt(4); i > 0; i--) text.insert(random.nextInt(text.length() + 1), one("\"", "{", "}", "[", "]", ",", ":", "1", "-", ".", " ", "\\", "a", "null", "true", "1.5"));
        read(API + "SimpleHeaderConverter", NONE, utf8(text.toString()));
        out.println(node().put("parse", one(PATTERNS)).put("text", one(DATES)));
        out.println(node().put("format", one(PATTERNS)).put("ms", random.nextLong() % 100000000000000L));
    }
}
