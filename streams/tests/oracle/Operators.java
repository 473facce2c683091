import java.time.Duration;
import java.util.*;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.*;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.*;

/**
 * Programs as text, one operator a line. Each makes streams, tables, global tables, groups or windows of earlier ones, named by
 * their number among those of their kind; "-" stands for a name that is not given. Keys and values are texts that may be
 * missing; keys only where the first line is "op nullable", since there is no table's stream then to go on with.
 */
class Operators {
    static final Serde<String> S = Serdes.String();
    final StreamsBuilder b;
    final List<KStream<String,String>> s = new ArrayList<>();
    final List<KTable<String,String>> t = new ArrayList<>();
    final List<GlobalKTable<String,String>> g = new ArrayList<>();
    final List<KGroupedStream<String,String>> groups = new ArrayList<>();
    final List<KStream<Windowed<String>,String>> w = new ArrayList<>();
    boolean nullable;

    Operators(StreamsBuilder b) { this.b = b; }

    Topology draw(List<String> program, Properties config) {
        for (String line : program) {
            String[] p = line.substring(3).split(" ");
            if (p[0].equals("nullable")) nullable = true;
            else if (!source(p) && !stream(p) && !table(p) && !window(p)) throw new AssertionError(line);
        }
        return b.build(config);
    }

    static int number(String word) { return Integer.parseInt(word); }
    KStream<String,String> s(String word) { return s.get(number(word)); }
    KTable<String,String> t(String word) { return t.get(number(word)); }

    boolean source(String[] p) {
        switch (p[0]) {
            case "stream" -> s.add(b.stream(List.of(p[1].split(",")), consumed(p)));
            case "pattern" -> s.add(b.stream(Pattern.compile(p[1]), consumed(p)));
            case "table" -> t.add(p[2].equals("-") ? b.table(p[1], consumed(p[3])) : b.table(p[1], consumed(p[3]), mat(p[2], S)));
            case "global" -> g.add(p[2].equals("-") ? b.globalTable(p[1], consumed(p[3])) : b.globalTable(p[1], consumed(p[3]), mat(p[2], S)));
            default -> { return false; }
        }
        return true;
    }

    boolean stream(String[] p) {
        switch (p[0]) {
            case "filter" -> s.add(s(p[1]).filter((k, v) -> even(v), named(p[2])));
            case "filter_not" -> s.add(s(p[1]).filterNot((k, v) -> even(v), named(p[2])));
            case "map_values" -> s.add(s(p[1]).mapValues(v -> v == null ? null : v + "!", named(p[2])));
            case "map_values_key" -> s.add(s(p[1]).mapValues((k, v) -> v + k, named(p[2])));
            case "map" -> s.add(s(p[1]).map((k, v) -> KeyValue.pair(key(v), k + " " + v), named(p[2])));
            case "flat_map" -> s.add(s(p[1]).flatMap((k, v) -> words(v).stream().map(word -> KeyValue.pair(word, k)).toList(), named(p[2])));
            case "flat_map_values" -> s.add(s(p[1]).flatMapValues(v -> words(v), named(p[2])));
            case "select_key" -> s.add(s(p[1]).selectKey((k, v) -> key(v), named(p[2])));
            case "peek" -> s.add(s(p[1]).peek((k, v) -> {}, named(p[2])));
            case "merge" -> s.add(s(p[1]).merge(s(p[2]), named(p[3])));
            case "split" -> split(p);
            case "repartition" -> s.add(s(p[1]).repartition(repartitioned(p)));
            case "tally" -> process(p[1], Tally.supplier(p[2]), p[3]);
            case "stamp" -> process(p[1], Stamp::new, p[2]);
            case "ticks" -> process(p[1], Ticks::new, p[2]);
            case "shout" -> s.add(p[2].equals("-") ? s(p[1]).processValues(Shout::new) : s(p[1]).processValues(Shout::new, Named.as(p[2])));
            case "print" -> s(p[1]).print(p[2].equals("-") ? Printed.toSysOut() : Printed.<String,String>toSysOut().withName(p[2]));
            case "for_each" -> s(p[1]).foreach((k, v) -> {});
            case "to" -> s(p[1]).to(p[2], produced(p));
            case "to_dynamic" -> s(p[1]).to(new ByLength(p[2]), produced(p));
            case "join" -> s.add(s(p[1]).join(t(p[2]), (v, x) -> v + "," + x, joined(p[3])));
            case "left_join" -> s.add(s(p[1]).leftJoin(t(p[2]), (k, v, x) -> k + ":" + v + "," + x, joined(p[3])));
            case "g_join" -> s.add(s(p[1]).join(g.get(number(p[2])), (k, v) -> first(v), (v, x) -> v + "," + x, named(p[3])));
            case "g_left_join" -> s.add(s(p[1]).leftJoin(g.get(number(p[2])), (k, v) -> first(v), (k, v, x) -> k + ":" + v + "," + x, named(p[3])));
            default -> { return false; }
        }
        return true;
    }

    void process(String at, org.apache.kafka.streams.processor.api.ProcessorSupplier<String,String,String,String> own, String name) {
        s.add(name.equals("-") ? s(at).process(own) : s(at).process(own, Named.as(name)));
    }

    void split(String[] p) {
        BranchedKStream<String,String> ways = p[2].equals("-") ? s(p[1]).split() : s(p[1]).split(Named.as(p[2]));
        for (String branch : p[3].split(",")) {
            String[] name = branch.split("=");
            Branched<String,String> way = Branched.withConsumer(s::add);
            if (name.length > 1) way = way.withName(name[1]);
            switch (name[0]) {
                case "even" -> ways.branch((k, v) -> even(v), way);
                case "long" -> ways.branch((k, v) -> v != null && v.length() > 4, way);
                case "k1" -> ways.branch((k, v) -> "k1".equals(k), way);
                case "rest" -> ways.defaultBranch(way);
            }
        }
    }

    boolean table(String[] p) {
        switch (p[0]) {
            case "count" -> t.add(s(p[1]).groupByKey(grouped(p[3])).count(mat(p[2], Serdes.Long())).mapValues(n -> "" + n));
            case "count_by" -> t.add(s(p[1]).groupBy((k, v) -> v, grouped(p[3])).count(mat(p[2], Serdes.Long())).mapValues(n -> "" + n));
            case "reduce" -> t.add(s(p[1]).groupByKey(grouped(p[3])).reduce((x, y) -> x.compareTo(y) > 0 ? x : y, mat(p[2], S)));
            case "aggregate" -> t.add(s(p[1]).groupByKey(grouped(p[3])).aggregate(() -> "", (k, v, sofar) -> sofar.length() > 12 ? null : sofar + first(v), mat(p[2], S)));
            case "to_table" -> t.add(s(p[1]).toTable(named(p[3]), mat(p[2], S)));
            case "t_filter" -> t.add(p[2].equals("-") ? t(p[1]).filter((k, v) -> even(v), named(p[3])) : t(p[1]).filter((k, v) -> even(v), named(p[3]), mat(p[2], S)));
            case "t_filter_not" -> t.add(p[2].equals("-") ? t(p[1]).filterNot((k, v) -> even(v), named(p[3])) : t(p[1]).filterNot((k, v) -> even(v), named(p[3]), mat(p[2], S)));
            case "t_map_values" -> t.add(p[2].equals("-") ? t(p[1]).mapValues((k, v) -> v + k, named(p[3])) : t(p[1]).mapValues((k, v) -> v + k, named(p[3]), mat(p[2], S)));
            case "t_count" -> t.add(regrouped(p).count(named(p[3]), mat(p[2], Serdes.Long())).mapValues(n -> "" + n));
            case "t_reduce" -> t.add(regrouped(p).reduce((x, y) -> x + y, Operators::without, named(p[3]), mat(p[2], S)));
            case "t_aggregate" -> t.add(regrouped(p).aggregate(() -> "", (k, v, sofar) -> sofar.length() > 30 ? null : sofar + "+" + v, (k, v, sofar) -> sofar.length() > 30 ? null : sofar + "-" + v, named(p[3]), mat(p[2], S)));
            case "t_two" -> { var two = regrouped(p); t.add(two.count(mat(p[2], Serdes.Long())).mapValues(n -> "" + n)); t.add(two.reduce((x, y) -> x + y, Operators::without, mat(p[3], S))); }
            case "t_to" -> t(p[1]).toStream().to(p[2], Produced.with(S, S));
            case "to_stream" -> s.add(t(p[1]).toStream(named(p[2])));
            case "to_stream_by" -> s.add(t(p[1]).toStream((k, v) -> v == null ? k : first(v)));
            default -> { return false; }
        }
        return true;
    }

    boolean window(String[] p) {
        switch (p[0]) {
            case "group" -> groups.add(s(p[1]).groupByKey(grouped(p[2])));
            case "group_by" -> groups.add(s(p[1]).groupBy((k, v) -> first(v), grouped(p[2])));
            case "w_count" -> windows(windowed(p).count(named(p[4]), windowStore(p[3], Serdes.Long())));
            case "w_reduce" -> windows(windowed(p).reduce((x, y) -> y == null ? null : x.compareTo(y) > 0 ? x : y, named(p[4]), windowStore(p[3], S)));
            case "w_aggregate" -> windows(windowed(p).aggregate(() -> "", (k, v, sofar) -> sofar.length() > 4 ? null : sofar + (v == null ? "-" : first(v)), named(p[4]), windowStore(p[3], S)));
            case "windows_to" -> w.get(number(p[1])).to(p[2], Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, Long.parseLong(p[3])), S));
            case "unwindow" -> s.add(w.get(number(p[1])).map((k, v) -> KeyValue.pair(k.key() + "@" + k.window().start() + "-" + k.window().end(), v)));
            default -> { return false; }
        }
        return true;
    }

    <V> void windows(KTable<Windowed<String>,V> table) { w.add(table.toStream().mapValues(v -> v == null ? "gone" : "" + v)); }

    // What the operators do

    String key(String v) { return v != null ? first(v) : nullable ? null : "-"; }
    static boolean even(String v) { return v != null && v.length() % 2 == 0; }
    static String first(String v) { return v == null ? null : v.isEmpty() ? "" : v.substring(0, 1); }
    static String without(String a, String b) { int at = a.indexOf(b); return at < 0 ? a : a.substring(0, at) + a.substring(at + b.length()); }
    static List<String> words(String v) {
        List<String> words = new ArrayList<>();
        if (v != null) for (String word : v.split(" ")) if (!word.isEmpty()) words.add(word);
        return words;
    }

    // How they are called

    static class NoName extends Named { NoName() { super((String) null); } }
    static Named named(String name) { return name.equals("-") ? new NoName() : Named.as(name); }
    static Grouped<String,String> grouped(String name) { return name.equals("-") ? Grouped.with(S, S) : Grouped.with(name, S, S); }
    static Joined<String,String,String> joined(String name) { return name.equals("-") ? Joined.with(S, S, S) : Joined.with(S, S, S, name); }
    static Consumed<String,String> consumed(String name) { return name.equals("-") ? Consumed.with(S, S) : Consumed.with(S, S).withName(name); }

    /** With "own", times are set by the values. */
    static Consumed<String,String> consumed(String[] p) {
        TimestampExtractor own = (ConsumerRecord<Object,Object> record, long partitionTime) -> {
            String v = (String) record.value();
            return v == null ? partitionTime : v.startsWith("d") ? -1 : v.startsWith("b") ? partitionTime : record.timestamp() + 5;
        };
        return p[3].equals("own") ? consumed(p[2]).withTimestampExtractor(own) : consumed(p[2]);
    }

    /** Drops some; the others go to the only partition that there is. */
    static final StreamPartitioner<String,String> DROPPING = new StreamPartitioner<>() {
        public Optional<Set<Integer>> partitions(String topic, String k, String v, int partitions) {
            return Optional.of(v != null && v.length() % 3 == 0 ? Set.of() : Set.of(0));
        }
    };

    static Produced<String,String> produced(String[] p) {
        Produced<String,String> how = p[3].equals("-") ? Produced.with(S, S) : Produced.with(S, S).withName(p[3]);
        return p[4].equals("drop") ? how.withStreamPartitioner(DROPPING) : how;
    }

    static Repartitioned<String,String> repartitioned(String[] p) {
        Repartitioned<String,String> how = p[2].equals("-") ? Repartitioned.with(S, S) : Repartitioned.<String,String>as(p[2]).withKeySerde(S).withValueSerde(S);
        if (!p[3].equals("-")) how = how.withNumberOfPartitions(number(p[3]));
        return p[4].equals("drop") ? how.withStreamPartitioner(DROPPING) : how;
    }

    /** "-" and "+" have no name, "name!" has no cache. */
    static <V> Materialized<String,V,KeyValueStore<Bytes,byte[]>> mat(String name, Serde<V> v) {
        if (name.equals("-") || name.equals("+")) return Materialized.with(S, v);
        var m = Materialized.<String,V,KeyValueStore<Bytes,byte[]>>as(name.replace("!", "")).withKeySerde(S).withValueSerde(v);
        return name.endsWith("!") ? m.withCachingDisabled() : m;
    }

    KGroupedTable<String,String> regrouped(String[] p) {
        return t(p[1]).groupBy((k, v) -> KeyValue.pair(first(v).equals("b") ? null : first(v), v.length() > 6 ? null : k + v), grouped(p[4]));
    }

    static Duration ms(String n) { return Duration.ofMillis(Long.parseLong(n)); }

    /** A store: its name or "-", then "u" for uncached, "m" for in memory, "r" and a retention. */
    static <V> Materialized<String,V,WindowStore<Bytes,byte[]>> windowStore(String text, Serde<V> v) {
        String[] p = text.split(",");
        Materialized<String,V,WindowStore<Bytes,byte[]>> m = p[0].equals("-") ? Materialized.with(S, v) : Materialized.<String,V,WindowStore<Bytes,byte[]>>as(p[0]).withKeySerde(S).withValueSerde(v);
        for (int i = 1; i < p.length; i++) switch (p[i].charAt(0)) {
            case 'u' -> m = m.withCachingDisabled();
            case 'm' -> m = m.withStoreType(Materialized.StoreType.IN_MEMORY);
            case 'r' -> m = m.withRetention(ms(p[i].substring(1)));
        }
        return m;
    }

    /** Windows: size, grace, advance; "close" for results when a window closes. */
    TimeWindowedKStream<String,String> windowed(String[] p) {
        String[] of = p[2].split(",");
        var windows = groups.get(number(p[1])).windowedBy(TimeWindows.ofSizeAndGrace(ms(of[0]), ms(of[1])).advanceBy(ms(of[2])));
        return of.length > 3 ? windows.emitStrategy(EmitStrategy.onWindowClose()) : windows;
    }

    record ByLength(String prefix) implements TopicNameExtractor<String,String> {
        public String extract(String k, String v, RecordContext context) { return prefix + (v == null ? "null" : v.length() > 2 ? "long" : "short"); }
        public String toString() { return "EXTRACTOR"; }
    }

    // Processors of their own

    /** Counts the records of each key; without a value it forgets the key. */
    static class Tally implements Processor<String,String,String,String> {
        final String store; ProcessorContext<String,String> c; KeyValueStore<String,Long> counts;
        Tally(String store) { this.store = store; }
        static org.apache.kafka.streams.processor.api.ProcessorSupplier<String,String,String,String> supplier(String store) {
            return new org.apache.kafka.streams.processor.api.ProcessorSupplier<>() {
                public Processor<String,String,String,String> get() { return new Tally(store); }
                public Set<StoreBuilder<?>> stores() {
                    var supplier = Stores.inMemoryKeyValueStore(store);
                    return Set.of(Stores.keyValueStoreBuilder(supplier, S, Serdes.Long()));
                }
            };
        }
        public void init(ProcessorContext<String,String> c) { this.c = c; counts = c.getStateStore(store); }
        public void process(Record<String,String> r) {
            if (r.key() == null) { c.forward(r); return; }
            if (r.value() == null) { counts.delete(r.key()); return; }
            Long n = counts.get(r.key());
            counts.put(r.key(), n == null ? 1 : n + 1);
            c.forward(r.withValue(r.value() + (n == null ? 1 : n + 1)).withTimestamp(r.timestamp() + 1));
        }
    }
    /** Counts its records in a header, and drops the header "h" of every third. */
    static class Stamp implements Processor<String,String,String,String> {
        ProcessorContext<String,String> c; int seen;
        public void init(ProcessorContext<String,String> c) { this.c = c; }
        public void process(Record<String,String> r) {
            // Kafka's records share their headers with those that their parents pass to others; ours do not.
            Record<String,String> own = r.withHeaders(new RecordHeaders(r.headers()));
            if (++seen % 3 == 0) own.headers().remove("h");
            own.headers().add("seen", ("" + seen).getBytes());
            c.forward(own);
        }
    }
    /** Passes records on; every 10 ms of stream time it says what time it is. */
    static class Ticks implements Processor<String,String,String,String> {
        ProcessorContext<String,String> c;
        public void init(ProcessorContext<String,String> c) {
            this.c = c;
            c.schedule(Duration.ofMillis(10), PunctuationType.STREAM_TIME, time -> c.forward(new Record<>("tick", "" + time, time)));
        }
        public void process(Record<String,String> r) { c.forward(r); }
    }
    /** Each word by itself. */
    static class Shout implements org.apache.kafka.streams.processor.api.FixedKeyProcessor<String,String,String> {
        org.apache.kafka.streams.processor.api.FixedKeyProcessorContext<String,String> c;
        public void init(org.apache.kafka.streams.processor.api.FixedKeyProcessorContext<String,String> c) { this.c = c; }
        public void process(org.apache.kafka.streams.processor.api.FixedKeyRecord<String,String> r) { for (String word : words(r.value())) c.forward(r.withValue(word + "!").withTimestamp(r.timestamp() - 1)); }
    }
}
