// Runs programs with tables, written as text, one operator a line, and appends what Kafka Streams 4.3.1 says of them; see
// tests/it/tables.rs. Arguments: SEED COUNT FILE. random.txt holds the first 150 programs of seed 4.
// Not compared: the old value of the first aggregate of a stream's key where updates are not cached. Kafka Streams sends the
// initial value, which no group below was ever given; here there is none.
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.state.*;
import org.apache.kafka.streams.test.TestRecord;
import java.nio.file.*;
import java.util.*;

class Tables {
    static final Serde<String> S = Serdes.String();
    static List<String> words(String l) { List<String> r = new ArrayList<>(); for (String w : l.split(" ")) if (!w.isEmpty()) r.add(w); return r; }
    static String first(String v) { return v.isEmpty() ? "" : v.substring(0, 1); }
    static boolean even(String k, String v) { return v.length() % 2 == 0; }
    static String without(String a, String b) { int at = a.indexOf(b); return at < 0 ? a : a.substring(0, at) + a.substring(at + b.length()); }
    static Named named(String n) { return n.equals("-") ? NamedProxy.EMPTY : Named.as(n); }
    static class NamedProxy extends Named { static final Named EMPTY = new NamedProxy(); NamedProxy() { super((String) null); } }

    // "-": none given; "+": given without a name; "name": named; "name!": without a cache
    static <V> Materialized<String,V,KeyValueStore<Bytes,byte[]>> mat(String n, Serde<V> v) {
        if (n.equals("-") || n.equals("+")) return Materialized.with(S, v);
        var m = Materialized.<String,V,KeyValueStore<Bytes,byte[]>>as(n.replace("!", "")).withKeySerde(S).withValueSerde(v);
        return n.endsWith("!") ? m.withCachingDisabled() : m;
    }
    static Grouped<String,String> grouped(String n) { return n.equals("-") ? Grouped.with(S, S) : Grouped.with(n, S, S); }
    static Joined<String,String,String> joined(String n) { return n.equals("-") ? Joined.with(S, S, S) : Joined.with(S, S, S, n); }

    static void build(StreamsBuilder b, List<String> program) {
        List<KStream<String,String>> s = new ArrayList<>();
        List<KTable<String,String>> t = new ArrayList<>();
        List<GlobalKTable<String,String>> g = new ArrayList<>();
        for (String line : program) {
            String[] p = line.split(" ");
            int at = p.length > 1 && p[1].matches("[0-9]+") ? Integer.parseInt(p[1]) : -1;
            int other = p.length > 2 && p[2].matches("[0-9]+") ? Integer.parseInt(p[2]) : -1;
            switch (p[0]) {
                // streams of streams
                case "stream" -> s.add(b.stream(p[1], Consumed.with(S, S)));
                case "filter" -> s.add(s.get(at).filter(Tables::even));
                case "map_values" -> s.add(s.get(at).mapValues(v -> v + "!"));
                case "map" -> s.add(s.get(at).map((k, v) -> KeyValue.pair(first(v), k + " " + v)));
                case "select_key" -> s.add(s.get(at).selectKey((k, v) -> first(v)));
                case "flat_map_values" -> s.add(s.get(at).flatMapValues(v -> words(v)));
                case "merge" -> s.add(s.get(at).merge(s.get(other)));
                case "to" -> s.get(at).to(p[2], Produced.with(S, S));
                // tables of streams
                case "count" -> t.add(s.get(at).groupByKey(grouped(p[3])).count(mat(p[2], Serdes.Long())).mapValues(n -> "" + n));
                case "count_by" -> t.add(s.get(at).groupBy((k, v) -> v, grouped(p[3])).count(mat(p[2], Serdes.Long())).mapValues(n -> "" + n));
                case "reduce" -> t.add(s.get(at).groupByKey(grouped(p[3])).reduce((x, y) -> x.compareTo(y) > 0 ? x : y, mat(p[2], S)));
                case "aggregate" -> t.add(s.get(at).groupByKey(grouped(p[3])).aggregate(() -> "", (k, v, agg) -> agg.length() > 12 ? null : agg + first(v), mat(p[2], S)));
                case "to_table" -> t.add(p[2].equals("-") ? s.get(at).toTable(named(p[3]), Materialized.with(S, S)) : s.get(at).toTable(named(p[3]), mat(p[2], S)));
                // tables
                case "table" -> { var c = Consumed.with(S, S); if (!p[3].equals("-")) c = c.withName(p[3]); t.add(p[2].equals("-") ? b.table(p[1], c) : b.table(p[1], c, mat(p[2], S))); }
                case "t_filter" -> t.add(p[2].equals("-") ? t.get(at).filter(Tables::even, named(p[3])) : t.get(at).filter(Tables::even, named(p[3]), mat(p[2], S)));
                case "t_filter_not" -> t.add(p[2].equals("-") ? t.get(at).filterNot(Tables::even, named(p[3])) : t.get(at).filterNot(Tables::even, named(p[3]), mat(p[2], S)));
                case "t_map_values" -> t.add(p[2].equals("-") ? t.get(at).mapValues((k, v) -> v + k, named(p[3])) : t.get(at).mapValues((k, v) -> v + k, named(p[3]), mat(p[2], S)));
                case "t_count" -> t.add(group(t.get(at), p[4]).count(named(p[3]), mat(p[2], Serdes.Long())).mapValues(n -> "" + n));
                case "t_reduce" -> t.add(group(t.get(at), p[4]).reduce((x, y) -> x + y, Tables::without, named(p[3]), mat(p[2], S)));
                case "t_aggregate" -> t.add(group(t.get(at), p[4]).aggregate(() -> "", (k, v, agg) -> agg.length() > 30 ? null : agg + "+" + v, (k, v, agg) -> agg.length() > 30 ? null : agg + "-" + v, named(p[3]), mat(p[2], S)));
                case "t_two" -> { var two = group(t.get(at), p[4]); t.add(two.count(mat(p[2], Serdes.Long())).mapValues(n -> "" + n)); t.add(two.reduce((x, y) -> x + y, Tables::without, mat(p[3], S))); }
                // streams of tables
                case "to_stream" -> s.add(t.get(at).toStream(named(p[2])).mapValues(v -> v == null ? "gone" : v));
                case "to_stream_by" -> s.add(t.get(at).toStream((k, v) -> v == null ? k : first(v)).mapValues(v -> v == null ? "gone" : v));
                // joins
                case "join" -> s.add(s.get(at).join(t.get(other), (v, w) -> v + "," + w, joined(p[3])));
                case "left_join" -> s.add(s.get(at).leftJoin(t.get(other), (k, v, w) -> k + ":" + v + "," + w, joined(p[3])));
                case "global" -> { var c = Consumed.with(S, S); if (!p[3].equals("-")) c = c.withName(p[3]); g.add(p[2].equals("-") ? b.globalTable(p[1], c) : b.globalTable(p[1], c, mat(p[2], S))); }
                case "g_join" -> s.add(s.get(at).join(g.get(other), (k, v) -> first(v), (v, w) -> v + "," + w, named(p[3])));
                case "g_left_join" -> s.add(s.get(at).leftJoin(g.get(other), (k, v) -> first(v), (v, w) -> v + "," + w, named(p[3])));
                default -> throw new IllegalArgumentException(line);
            }
        }
    }

    static KGroupedTable<String,String> group(KTable<String,String> t, String name) {
        return t.groupBy((k, v) -> KeyValue.pair(first(v).equals("b") ? null : first(v), v.length() > 6 ? null : k + v), grouped(name));
    }

    static List<String> generate(Random r) {
        List<String> p = new ArrayList<>();
        int s = 0, t = 0, g = 0, names = 0, sinks = 0;
        int sources = 1 + r.nextInt(3);
        for (int i = 0; i < sources; i++) {
            if (i > 0 && r.nextInt(3) == 0) { p.add("stream in" + i); s++; }
            else { p.add("table in" + i + " " + store(r, p.size()) + (r.nextInt(4) == 0 ? " name" + names++ : " -")); t++; }
        }
        boolean joins = r.nextInt(2) == 0;
        if (joins && s == 0) { p.add("stream in" + sources); s++; }
        if (joins && r.nextInt(2) == 0) { p.add("global in9 " + store(r, p.size()) + (r.nextInt(4) == 0 ? " name" + names++ : " -")); g++; }
        int ops = 2 + r.nextInt(8);
        for (int i = 0; i < ops; i++) {
            String store = store(r, p.size()), cached = store.replace("!", "");
            String name = r.nextInt(4) == 0 ? "name" + names++ : "-";
            String group = r.nextInt(4) == 0 ? "name" + names++ : "-";
            if (s > 0 && r.nextInt(5) < (joins ? 3 : 2)) {
                int at = Math.max(r.nextInt(s), r.nextInt(s));
                switch (r.nextInt(joins ? 18 : 11)) {
                    case 0 -> { p.add("filter " + at); s++; }
                    case 1 -> { p.add("map_values " + at); s++; }
                    case 2 -> { p.add("map " + at); s++; }
                    case 3, 4 -> { p.add("select_key " + at); s++; }
                    case 5 -> { p.add("merge " + at + " " + r.nextInt(s)); s++; }
                    case 6 -> { p.add("count " + at + " " + cached + " " + group); t++; }
                    case 7 -> { p.add("count_by " + at + " " + cached + " " + group); t++; }
                    case 8 -> { p.add("aggregate " + at + " " + cached + " " + group); t++; }
                    case 9, 10 -> { p.add("to_table " + at + " " + store + " " + name); t++; }
                    case 11, 12 -> { p.add("join " + at + " " + r.nextInt(t) + " " + name); s++; }
                    case 13, 14 -> { p.add("left_join " + at + " " + r.nextInt(t) + " " + name); s++; }
                    case 15 -> { if (g > 0) { p.add("g_join " + at + " 0 " + name); s++; } }
                    case 16 -> { if (g > 0) { p.add("g_left_join " + at + " 0 " + name); s++; } }
                    default -> { p.add("reduce " + at + " " + store + " " + group); t++; }
                }
            } else {
                int at = Math.max(r.nextInt(t), r.nextInt(t));
                switch (r.nextInt(12)) {
                    case 0, 1 -> { p.add("t_filter " + at + " " + store + " " + name); t++; }
                    case 2 -> { p.add("t_filter_not " + at + " " + store + " " + name); t++; }
                    case 3, 4 -> { p.add("t_map_values " + at + " " + store + " " + name); t++; }
                    case 5 -> { p.add("t_count " + at + " " + store + " " + name + " " + group); t++; }
                    case 6 -> { p.add("t_reduce " + at + " " + store + " " + name + " " + group); t++; }
                    case 7 -> { p.add("t_aggregate " + at + " " + store + " " + name + " " + group); t++; }
                    case 8 -> { p.add("t_two " + at + " " + store + " " + store(r, p.size() + 100) + " " + group); t += 2; }
                    case 9 -> { p.add("to_stream_by " + at); s++; }
                    default -> { p.add("to_stream " + at + " " + name); s++; }
                }
            }
            if (s > 0 && r.nextInt(4) == 0) p.add("to " + (s - 1) + " out" + sinks++);
        }
        p.add("to_stream " + (t - 1) + " -");
        p.add("to " + s++ + " out" + sinks++);
        return p;
    }

    static String store(Random r, int n) {
        return switch (r.nextInt(8)) { case 0, 1, 2 -> "-"; case 3 -> "+"; case 4 -> "store" + n + "!"; default -> "store" + n; };
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
            StreamsBuilder again = new StreamsBuilder();
            Properties optimised = new Properties();
            optimised.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
            build(again, program);
            String better;
            try { better = again.build(optimised).describe().toString(); } catch (Exception x) { better = "fails\n"; }
            one.append("optimised\n").append(better.equals(t.describe().toString()) ? "same\n" : better);
            Properties c = new Properties();
            c.put("application.id", "app"); c.put("bootstrap.servers", "none:1"); c.put("state.dir", Files.createTempDirectory("o").toString());
            try (TopologyTestDriver d = new TopologyTestDriver(t, c)) {
                List<String> sources = program.stream().filter(l -> l.startsWith("stream ") || l.startsWith("table ") || l.startsWith("global ")).toList();
                for (int i = 0; i < 14; i++) {
                    String source = sources.get(r.nextInt(sources.size()));
                    String topic = source.split(" ")[1];
                    String key = source.startsWith("global") ? "" + "abc".charAt(r.nextInt(3)) : "k" + r.nextInt(3);
                    StringBuilder v = new StringBuilder();
                    for (int w = 1 + r.nextInt(2); w > 0; w--) { int from = r.nextInt(3); v.append("abcde", from, from + 1 + r.nextInt(3)).append(w > 1 ? " " : ""); }
                    String value = !source.startsWith("stream") && r.nextInt(4) == 0 ? null : v.toString();
                    long ts = r.nextInt(50);
                    RecordHeaders headers = new RecordHeaders();
                    if (r.nextInt(3) == 0) headers.add("h", ("" + i).getBytes());
                    one.append("in ").append(topic).append(' ').append(key).append('|').append(value).append('|').append(ts).append(shown(headers)).append('\n');
                    d.createInputTopic(topic, new StringSerializer(), new StringSerializer()).pipeInput(new TestRecord<>(key, value, headers, ts));
                    for (String topicOut : new TreeSet<>(d.producedTopicNames())) {
                        var o = d.createOutputTopic(topicOut, new StringDeserializer(), new ByteArrayDeserializer());
                        String name = topicOut.startsWith("app-") ? topicOut.substring(4) : topicOut;
                        while (!o.isEmpty()) {
                            var rec = o.readRecord();
                            byte[] bytes = rec.value();
                            String shown = bytes == null ? "null" : bytes.length == 8 && bytes[0] == 0 ? "#" + new LongDeserializer().deserialize("", bytes) : new String(bytes).chars().mapToObj(x -> x < 32 ? "\\" + x : "" + (char) x).reduce("", String::concat);
                            one.append("out ").append(name).append(' ').append(rec.key()).append('|').append(shown).append('|').append(rec.timestamp()).append(shown(rec.headers())).append('\n');
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

    static String shown(org.apache.kafka.common.header.Headers headers) {
        StringBuilder text = new StringBuilder();
        for (var h : headers) text.append('|').append(h.key()).append('=').append(new String(h.value()));
        return text.toString();
    }
}
