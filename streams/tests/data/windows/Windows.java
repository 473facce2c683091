// Runs windowed programs written as text, one operator a line, and writes what Kafka Streams 4.3.1 says of them; see
// windows.rs. Compile and run it with kafka-streams and kafka-streams-test-utils on the class path.
// Arguments: SEED COUNT FILE. programs.txt holds the programs written by hand and the first 60 of seed 7.
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.common.header.internals.*;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.*;
import org.apache.kafka.streams.state.internals.*;
import org.apache.kafka.streams.test.TestRecord;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import java.util.stream.*;

class Windows {
    static final Serde<String> S = Serdes.String();
    static final Grouped<String,String> G = Grouped.with(S, S);
    static String first(String v) { return v == null ? "-" : v.isEmpty() ? "" : v.substring(0, 1); }
    static boolean even(String v) { return v != null && v.length() % 2 == 0; }
    static Duration ms(String n) { return Duration.ofMillis(Long.parseLong(n)); }

    // A store: its name or "-", then "u" for uncached, "m" for in memory, "r" and a retention.
    static <V> Materialized<String,V,WindowStore<Bytes,byte[]>> mat(String text, Serde<V> v) {
        String[] p = text.split(",");
        Materialized<String,V,WindowStore<Bytes,byte[]>> m = p[0].equals("-") ? Materialized.with(S, v) : Materialized.<String,V,WindowStore<Bytes,byte[]>>as(p[0]).withKeySerde(S).withValueSerde(v);
        for (int i = 1; i < p.length; i++) switch (p[i].charAt(0)) {
            case 'u' -> m = m.withCachingDisabled();
            case 'm' -> m = m.withStoreType(Materialized.StoreType.IN_MEMORY);
            case 'r' -> m = m.withRetention(ms(p[i].substring(1)));
        }
        return m;
    }

    // Windows: size, grace, advance; "close" for results when a window closes.
    static TimeWindowedKStream<String,String> windowed(KGroupedStream<String,String> g, String text) {
        String[] p = text.split(",");
        var w = g.windowedBy(TimeWindows.ofSizeAndGrace(ms(p[0]), ms(p[1])).advanceBy(ms(p[2])));
        return p.length > 3 ? w.emitStrategy(EmitStrategy.onWindowClose()) : w;
    }

    static void build(StreamsBuilder b, List<String> program) {
        List<KStream<String,String>> s = new ArrayList<>();
        List<KGroupedStream<String,String>> g = new ArrayList<>();
        List<KStream<Windowed<String>,String>> w = new ArrayList<>();
        for (String line : program) {
            String[] p = line.split(" ");
            int i = p[1].matches("[0-9]+") ? Integer.parseInt(p[1]) : -1;
            switch (p[0]) {
                case "stream" -> s.add(b.stream(p[1], Consumed.with(S, S)));
                case "filter" -> s.add(s.get(i).filter((k, v) -> even(v)));
                case "select_key" -> s.add(s.get(i).selectKey((k, v) -> first(v)));
                case "map_values" -> s.add(s.get(i).mapValues(v -> v == null ? null : v + "!"));
                case "merge" -> s.add(s.get(i).merge(s.get(Integer.parseInt(p[2]))));
                case "to" -> s.get(i).to(p[2], Produced.with(S, S));
                case "group" -> g.add(s.get(i).groupByKey(G));
                case "group_by" -> g.add(s.get(i).groupBy((k, v) -> first(v), p.length > 2 ? Grouped.with(p[2], S, S) : G));
                case "count" -> { var t = windowed(g.get(i), p[2]); w.add((p.length > 4 ? t.count(Named.as(p[4]), mat(p[3], Serdes.Long())) : t.count(mat(p[3], Serdes.Long()))).toStream().mapValues(n -> n == null ? "gone" : "" + n)); }
                case "reduce" -> w.add(windowed(g.get(i), p[2]).reduce((x, y) -> y == null ? null : x.compareTo(y) > 0 ? x : y, mat(p[3], S)).toStream().mapValues(v -> v == null ? "gone" : v));
                case "aggregate" -> w.add(windowed(g.get(i), p[2]).aggregate(() -> "", (k, v, agg) -> agg.length() > 4 ? null : agg + first(v), mat(p[3], S)).toStream().mapValues(v -> v == null ? "gone" : v));
                case "windows_to" -> w.get(i).to(p[2], Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, Long.parseLong(p[3])), S));
                case "unwindow" -> s.add(w.get(i).map((k, v) -> KeyValue.pair(k.key() + "@" + k.window().start() + "-" + k.window().end(), v)));
                default -> throw new IllegalArgumentException(line);
            }
        }
    }

    static final List<String> BY_HAND = List.of(
        "stream a;group 0;count 0 10000,0,10000 n;windows_to 0 b 10000",
        "stream a;group 0;count 0 10000,15000,10000 n;windows_to 0 b 10000",
        "stream a;group 0;count 0 10000,5000,3000 n;windows_to 0 b 10000",
        "stream a;group 0;count 0 10000,5000,3000 n,u;windows_to 0 b 10000",
        "stream a;group 0;count 0 10000,5000,10000 -;windows_to 0 b 10000",
        "stream a;group 0;count 0 10000,5000,10000 n tally;windows_to 0 b 10000",
        "stream a;group 0;reduce 0 60000,5000,60000 n;windows_to 0 b 60000",
        "stream a;group 0;reduce 0 60000,5000,60000 -;windows_to 0 b 60000",
        "stream a;group 0;aggregate 0 60000,5000,60000 n;windows_to 0 b 60000",
        "stream a;group 0;aggregate 0 60000,5000,20000 -;windows_to 0 b 60000",
        "stream a;group_by 0;count 0 10000,20000,10000 n;windows_to 0 b 10000",
        "stream a;group_by 0 by-first;count 0 10000,20000,10000 n;reduce 0 60000,0,60000 m;windows_to 0 b 10000;windows_to 1 c 60000",
        "stream a;group_by 0;count 0 10000,20000,10000 n;reduce 0 60000,0,60000 m;windows_to 0 b 10000;windows_to 1 c 60000",
        "stream a;group 0;count 0 10000,20000,10000 n,r400000;windows_to 0 b 10000",
        "stream a;group 0;count 0 10000,20000,10000 n,m;windows_to 0 b 10000",
        "stream a;group 0;count 0 10000,20000,10000 n;unwindow 0;group 1;count 1 30000,0,30000 m;windows_to 1 b 30000",
        "stream a;group 0;count 0 10000,0,10000,close n;windows_to 0 b 10000",
        "stream a;group 0;count 0 10000,15000,10000,close n;windows_to 0 b 10000",
        "stream a;group 0;count 0 10000,5000,3000,close -;windows_to 0 b 10000",
        "stream a;group 0;count 0 60000,5000,20000,close n,m;windows_to 0 b 60000",
        "stream a;group 0;aggregate 0 20000,5000,20000,close n,r300000;windows_to 0 b 20000",
        "stream a;group_by 0;count 0 10000,5000,5000,close n;unwindow 0;group 1;count 1 30000,0,30000,close m;windows_to 1 b 30000",
        "stream a;stream b;merge 0 1;filter 2;select_key 3;group 4;count 0 20000,10000,5000 n;unwindow 0;to 5 c");

    static List<String> generate(Random r) {
        List<String> p = new ArrayList<>();
        int streams = 0, groups = 0, tables = 0, stores = 0, sinks = 0;
        int sources = 1 + r.nextInt(2);
        for (int i = 0; i < sources; i++) { p.add("stream in" + i); streams++; }
        int ops = 2 + r.nextInt(8);
        for (int i = 0; i < ops; i++) {
            int at = Math.max(r.nextInt(streams), r.nextInt(streams));
            switch (r.nextInt(8)) {
                case 0 -> { p.add("filter " + at); streams++; }
                case 1 -> { p.add("select_key " + at); streams++; }
                case 2 -> { p.add("map_values " + at); streams++; }
                case 3 -> { p.add("merge " + at + " " + r.nextInt(streams)); streams++; }
                default -> {
                    p.add(r.nextBoolean() ? "group " + at : "group_by " + at + (r.nextInt(3) == 0 ? " group" + groups : ""));
                    groups++;
                    long size = new long[] {1, 7_000, 10_000, 60_000, 90_000}[r.nextInt(5)];
                    long advance = r.nextBoolean() || size == 1 ? size : size / (1 + r.nextInt(4));
                    long grace = r.nextInt(3) * r.nextInt(40_000);
                    String store = r.nextInt(3) == 0 ? "-" : "store" + stores++;
                    if (r.nextInt(4) == 0) store += ",r" + (size + grace + r.nextInt(200_000));
                    String op = new String[] {"count", "reduce", "aggregate"}[r.nextInt(3)];
                    String close = r.nextInt(3) == 0 ? ",close" : "";
                    // Without a listener Kafka's cache logs the removal of what never was.
                    if (op.equals("reduce")) close = "";
                    p.add(op + " " + (groups - 1) + " " + size + "," + grace + "," + advance + close + " " + store);
                    if (r.nextInt(3) > 0) p.add("windows_to " + tables + " out" + sinks++ + " " + size);
                    else { p.add("unwindow " + tables); streams++; }
                    tables++;
                }
            }
        }
        p.add("to " + (streams - 1) + " out" + sinks++);
        return p;
    }

    static String show(byte[] b) { return b == null ? "null" : HexFormat.of().formatHex(b); }

    static void run(List<String> program, Random r, StringBuilder text) throws Exception {
        StreamsBuilder b = new StreamsBuilder();
        build(b, program);
        Topology t = b.build();
        for (String line : program) text.append("op ").append(line).append('\n');
        text.append(t.describe());
        Properties p = new Properties();
        p.put("application.id", "app"); p.put("bootstrap.servers", "none:1"); p.put("state.dir", Files.createTempDirectory("o").toString());
        p.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_WINDOWED_AGGREGATION, 0L);
        try (TopologyTestDriver d = new TopologyTestDriver(t, p)) {
            List<String> sources = program.stream().filter(l -> l.startsWith("stream ")).map(l -> l.substring(7)).toList();
            long time = 0;
            String[] words = {"a", "bb", "abc", "", "dd", "cat", "a b", "xyz"};
            for (int i = 0; i < 30; i++) {
                time += r.nextInt(8) == 0 ? r.nextInt(150_000) : r.nextInt(4_000);
                long ts = Math.max(0, time - (r.nextInt(3) == 0 ? r.nextInt(40_000) : 0));
                String topic = sources.get(r.nextInt(sources.size()));
                String key = r.nextInt(25) == 0 ? null : "k" + r.nextInt(3);
                String value = r.nextInt(15) == 0 ? null : words[r.nextInt(words.length)];
                var headers = new RecordHeaders();
                if (r.nextInt(4) == 0) headers.add("h", ("" + i).getBytes());
                text.append("in ").append(topic).append(' ').append(key).append('|').append(value).append('|').append(ts).append('|').append(head(headers)).append('\n');
                d.createInputTopic(topic, new StringSerializer(), new StringSerializer()).pipeInput(new TestRecord<>(key, value, headers, ts));
                for (String sink : new TreeSet<>(d.producedTopicNames())) {
                    var o = d.createOutputTopic(sink, new ByteArrayDeserializer(), new ByteArrayDeserializer());
                    String name = sink.startsWith("app-") ? sink.substring(4) : sink;
                    while (!o.isEmpty()) { var x = o.readRecord(); text.append("out ").append(name).append(' ').append(show(x.key())).append('|').append(show(x.value())).append('|').append(x.timestamp()).append('|').append(head(x.headers())).append('\n'); }
                }
            }
            for (String store : new TreeSet<>(d.getAllStateStores().keySet())) {
                List<KeyValue<Windowed<String>,ValueAndTimestamp<Object>>> all = new ArrayList<>();
                try (var it = d.<String,Object>getTimestampedWindowStore(store).all()) { it.forEachRemaining(all::add); }
                // The cache also shows what has expired below it.
                Set<String> live = live(d.getAllStateStores().get(store));
                all.removeIf(e -> !live.contains(e.key.toString()));
                // Ours are in the order of time.
                all.sort(Comparator.comparing((KeyValue<Windowed<String>,ValueAndTimestamp<Object>> e) -> e.key.window().start()).thenComparing(e -> e.key.key()));
                for (var e : all) text.append("store ").append(store).append(' ').append(e.key).append('|').append(e.value.value()).append('\n');
            }
            double dropped = d.metrics().entrySet().stream().filter(m -> m.getKey().name().equals("dropped-records-total")).mapToDouble(m -> (Double) m.getValue().metricValue()).sum();
            text.append("dropped ").append((long) dropped).append('\n');
        }
        text.append("====\n");
    }

    // The keys that have not expired. Kafka's store of windows that close does not hide all of those that have.
    @SuppressWarnings("unchecked")
    static Set<String> live(StateStore store) throws Exception {
        while (store instanceof WrappedStateStore<?,?,?> w && w.wrapped() instanceof WindowStore) store = w.wrapped();
        List<Windowed<String>> keys = new ArrayList<>();
        try (var it = ((WindowStore<Bytes,byte[]>) store).all()) { it.forEachRemaining(e -> keys.add(new Windowed<>(new String(e.key.key().get(), StandardCharsets.UTF_8), e.key.window()))); }
        if (store instanceof WrappedStateStore<?,?,?> w && w.wrapped() instanceof SegmentedBytesStore segmented) {
            long newest = keys.stream().mapToLong(k -> k.window().start()).max().orElse(0);
            long retention = retention(segmented);
            keys.removeIf(k -> k.window().start() <= newest - retention);
        }
        return keys.stream().map(Windowed::toString).collect(Collectors.toSet());
    }

    static long retention(Object store) throws Exception {
        for (Class<?> c = store.getClass(); ; c = c.getSuperclass()) try {
            var field = c.getDeclaredField("retentionPeriod");
            field.setAccessible(true);
            return field.getLong(store);
        } catch (NoSuchFieldException above) { }
    }

    static String head(org.apache.kafka.common.header.Headers headers) {
        return StreamSupport.stream(headers.spliterator(), false).map(h -> h.key() + "=" + new String(h.value(), StandardCharsets.UTF_8)).collect(Collectors.joining(","));
    }

    public static void main(String[] a) throws Exception {
        Random r = new Random(Long.parseLong(a[0]));
        StringBuilder text = new StringBuilder();
        for (String program : BY_HAND) run(List.of(program.split(";")), r, text);
        for (int n = 0; n < Integer.parseInt(a[1]); ) {
            List<String> program = generate(r);
            if (program.stream().noneMatch(l -> l.startsWith("count") || l.startsWith("reduce") || l.startsWith("aggregate"))) continue;
            StringBuilder one = new StringBuilder();
            try { run(program, r, one); } catch (Exception x) { System.err.println(program + ": " + x); continue; }
            text.append(one);
            n++;
        }
        Files.writeString(Path.of(a[2]), text.toString());
        System.exit(0);
    }
}
