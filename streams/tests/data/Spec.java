// Runs programs written as text, one operator a line, and appends what Kafka Streams 4.3.1 says of them; see random.rs.
// Arguments: SEED COUNT FILE. random.txt holds the first 150 programs of seed 77.
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.state.*;
import org.apache.kafka.streams.test.TestRecord;
import java.nio.file.*;
import java.util.*;

class Spec {
    static final Serde<String> S = Serdes.String();
    static final Grouped<String,String> G = Grouped.with(S, S);
    static List<String> words(String l) { List<String> r = new ArrayList<>(); for (String w : l.split(" ")) if (!w.isEmpty()) r.add(w); return r; }
    static String first(String v) { return v.isEmpty() ? "" : v.substring(0, 1); }
    static <V> Materialized<String,V,KeyValueStore<Bytes,byte[]>> mat(String n, Serde<V> v) {
        return n.equals("-") ? Materialized.with(S, v) : Materialized.<String,V,KeyValueStore<Bytes,byte[]>>as(n).withKeySerde(S).withValueSerde(v);
    }

    static void build(StreamsBuilder b, List<String> program) {
        List<KStream<String,String>> s = new ArrayList<>();
        for (String line : program) {
            String[] p = line.split(" ");
            KStream<String,String> i = p.length > 1 && p[1].matches("[0-9]+") ? s.get(Integer.parseInt(p[1])) : null;
            switch (p[0]) {
                case "stream" -> s.add(b.stream(p[1], Consumed.with(S, S)));
                case "table" -> s.add((p[2].equals("-") ? b.table(p[1], Consumed.with(S, S)) : b.table(p[1], Consumed.with(S, S), mat(p[2], S))).toStream().mapValues(v -> v == null ? "gone" : v));
                case "filter" -> s.add(i.filter((k, v) -> v.length() % 2 == 0));
                case "filter_not" -> s.add(i.filterNot((k, v) -> v.length() % 2 == 0));
                case "named_filter" -> s.add(i.filter((k, v) -> v.length() % 2 == 0, Named.as(p[2])));
                case "map_values" -> s.add(i.mapValues(v -> v + "!"));
                case "map" -> s.add(i.map((k, v) -> KeyValue.pair(first(v), k + " " + v)));
                case "flat_map" -> s.add(i.flatMap((k, v) -> words(v).stream().map(w -> KeyValue.pair(w, k)).toList()));
                case "flat_map_values" -> s.add(i.flatMapValues(v -> words(v)));
                case "select_key" -> s.add(i.selectKey((k, v) -> first(v)));
                case "peek" -> s.add(i.peek((k, v) -> {}));
                case "merge" -> s.add(i.merge(s.get(Integer.parseInt(p[2]))));
                case "count" -> s.add(i.groupByKey(G).count(mat(p[2], Serdes.Long())).toStream().mapValues(n -> "" + n));
                case "count_by" -> s.add(i.groupBy((k, v) -> v, G).count(mat(p[2], Serdes.Long())).toStream().mapValues(n -> "" + n));
                case "count_by_named" -> s.add(i.groupBy((k, v) -> v, Grouped.with(p[3], S, S)).count(mat(p[2], Serdes.Long())).toStream().mapValues(n -> "" + n));
                case "reduce" -> s.add(i.groupByKey(G).reduce((x, y) -> x.compareTo(y) > 0 ? x : y, mat(p[2], S)).toStream().mapValues(v -> v == null ? "gone" : v));
                case "aggregate" -> s.add(i.groupByKey(G).aggregate(() -> "", (k, v, agg) -> agg.length() > 12 ? null : agg + first(v), mat(p[2], S)).toStream().mapValues(v -> v == null ? "gone" : v));
                case "to" -> i.to(p[2], Produced.with(S, S));
                default -> throw new IllegalArgumentException(line);
            }
        }
    }

    static List<String> generate(Random r) {
        List<String> p = new ArrayList<>();
        int streams = 0, stores = 0, names = 0, sinks = 0;
        int sources = 1 + r.nextInt(3);
        for (int i = 0; i < sources; i++) {
            String topic = "in" + i;
            if (r.nextInt(4) == 0) p.add("table " + topic + (r.nextBoolean() ? " -" : " store" + stores++)); else p.add("stream " + topic);
            streams++;
        }
        int ops = 2 + r.nextInt(10);
        for (int i = 0; i < ops; i++) {
            int at = Math.max(r.nextInt(streams), r.nextInt(streams));
            String store = r.nextInt(3) == 0 ? "-" : "store" + stores++;
            switch (r.nextInt(18)) {
                case 0 -> p.add("filter " + at);
                case 1 -> p.add("filter_not " + at);
                case 2 -> p.add("named_filter " + at + " node" + names++);
                case 3, 4 -> p.add("map_values " + at);
                case 5 -> p.add("map " + at);
                case 6 -> p.add("flat_map " + at);
                case 7 -> p.add("flat_map_values " + at);
                case 8, 9 -> p.add("select_key " + at);
                case 10 -> p.add("peek " + at);
                case 11, 12 -> p.add("merge " + at + " " + r.nextInt(streams));
                case 13 -> p.add("count " + at + " " + store);
                case 14 -> p.add("count_by " + at + " " + store);
                case 15 -> p.add("count_by_named " + at + " " + store + " group" + names++);
                case 16 -> p.add("reduce " + at + " " + store);
                default -> p.add("aggregate " + at + " " + store);
            }
            streams++;
            if (r.nextInt(5) == 0) p.add("to " + (streams - 1) + " out" + sinks++);
        }
        p.add("to " + (streams - 1) + " out" + sinks++);
        return p;
    }

    public static void main(String[] a) throws Exception {
        Random r = new Random(Long.parseLong(a[0]));
        StringBuilder text = new StringBuilder();
        for (int n = 0; n < Integer.parseInt(a[1]); ) {
            List<String> program = generate(r);
            StringBuilder one = new StringBuilder();
            for (String line : program) one.append("op ").append(line).append('\n');
            StreamsBuilder b = new StreamsBuilder();
            Topology t;
            try { build(b, program); t = b.build(); } catch (Exception x) { System.err.println("skipped: " + x); continue; }
            one.append(t.describe());
            Properties c = new Properties();
            c.put("application.id", "app"); c.put("bootstrap.servers", "none:1"); c.put("state.dir", Files.createTempDirectory("o").toString());
            try (TopologyTestDriver d = new TopologyTestDriver(t, c)) {
                List<String> sources = program.stream().filter(l -> l.startsWith("stream ") || l.startsWith("table ")).toList();
                for (int i = 0; i < 12; i++) {
                    String source = sources.get(r.nextInt(sources.size()));
                    String topic = source.split(" ")[1];
                    String key = "k" + r.nextInt(3);
                    StringBuilder v = new StringBuilder();
                    for (int w = 1 + r.nextInt(3); w > 0; w--) v.append("abcd", 0, 1 + r.nextInt(4)).append(w > 1 ? " " : "");
                    String value = source.startsWith("table") && r.nextInt(4) == 0 ? null : v.toString();
                    long ts = r.nextInt(50);
                    one.append("in ").append(topic).append(' ').append(key).append('|').append(value).append('|').append(ts).append('\n');
                    d.createInputTopic(topic, new StringSerializer(), new StringSerializer()).pipeInput(new TestRecord<>(key, value, (org.apache.kafka.common.header.Headers) null, ts));
                    for (String topicOut : new TreeSet<>(d.producedTopicNames())) {
                        var o = d.createOutputTopic(topicOut, new StringDeserializer(), new ByteArrayDeserializer());
                        String name = topicOut.startsWith("app-") ? topicOut.substring(4) : topicOut;
                        while (!o.isEmpty()) {
                            var rec = o.readRecord();
                            byte[] bytes = rec.value();
                            String shown = bytes == null ? "null" : bytes.length == 8 && bytes[0] == 0 ? "#" + new LongDeserializer().deserialize("", bytes) : new String(bytes);
                            one.append("out ").append(name).append(' ').append(rec.key()).append('|').append(shown).append('|').append(rec.timestamp()).append('\n');
                        }
                    }
                }
            } catch (Exception x) { System.err.println("skipped: " + x); continue; }
            text.append(one).append("====\n");
            n++;
        }
        Files.writeString(Path.of(a[2]), text.toString());
        System.exit(0);
    }
}
