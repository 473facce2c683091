import java.util.*;
import java.util.function.*;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.*;
import org.apache.kafka.streams.processor.api.*;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.*;
import org.apache.kafka.streams.state.Stores;

/** The programs of programs.rs. */
class Programs {
    static final Serde<String> S = Serdes.String();
    static final Consumed<String,String> SS = Consumed.with(S, S);
    static <V> Materialized<String,V,KeyValueStore<Bytes,byte[]>> mat(Serde<V> v) { return Materialized.with(S, v); }
    static <V> Materialized<String,V,KeyValueStore<Bytes,byte[]>> mat(String n, Serde<V> v) { return Materialized.<String,V,KeyValueStore<Bytes,byte[]>>as(n).withKeySerde(S).withValueSerde(v); }
    static final Produced<String,String> PS = Produced.with(S,S);
    static final Produced<String,Long> PL = Produced.with(S,Serdes.Long());
    static final Grouped<String,String> G = Grouped.with(S,S);
    static List<String> words(String l) { List<String> r = new ArrayList<>(); for (String w : l.split(" ")) if (!w.isEmpty()) r.add(w); return r; }

    // name -> program; input topics are strings to strings
    static final Map<String, Consumer<StreamsBuilder>> P = new LinkedHashMap<>();
    static {
        P.put("word_count", b -> b.stream("lines", SS).flatMapValues(l -> words(l)).groupBy((k, w) -> w, G).count(mat("word-counts", Serdes.Long())).toStream().to("counts", PL));
        P.put("word_count_generated", b -> b.stream("lines", SS).flatMapValues(l -> words(l)).groupBy((k, w) -> w, G).count(mat(Serdes.Long())).toStream().to("counts", PL));
        P.put("word_count_named", b -> b.stream("lines", SS).flatMapValues(l -> words(l), Named.as("split")).groupBy((k, w) -> w, Grouped.with("by-word", S, S)).count(Named.as("tally"), mat("word-counts", Serdes.Long())).toStream(Named.as("updates")).to("counts", Produced.with(S,Serdes.Long()).withName("out")));
        P.put("copy", b -> b.stream("a", SS).to("b", PS));
        P.put("filter", b -> b.stream("a", SS).filter((k, v) -> v != null && v.length() > 2).to("b", PS));
        P.put("filter_not", b -> b.stream("a", SS).filterNot((k, v) -> v != null && v.length() > 2).to("b", PS));
        P.put("map_values", b -> b.stream("a", SS).mapValues(v -> v + "!").to("b", PS));
        P.put("map", b -> b.stream("a", SS).map((k, v) -> KeyValue.pair(v, k)).to("b", PS));
        P.put("flat_map", b -> b.stream("a", SS).flatMap((k, v) -> { List<KeyValue<String,String>> r = new ArrayList<>(); for (String w : words(v)) r.add(KeyValue.pair(w, k)); return r; }).to("b", PS));
        P.put("select_key_peek_foreach", b -> { KStream<String,String> s = b.stream("a", SS).selectKey((k, v) -> v).peek((k, v) -> {}); s.foreach((k, v) -> {}); s.to("b", PS); });
        P.put("merge", b -> b.stream("a", SS).merge(b.stream("b", SS)).to("c", PS));
        P.put("merge_branches", b -> { KStream<String,String> s = b.stream("a", SS); s.filter((k, v) -> v.length() > 2).merge(s.mapValues(v -> v + "?")).to("c", PS); });
        P.put("split", b -> b.stream("a", SS).split()
            .branch((k, v) -> v.length() > 3, Branched.withConsumer(s -> s.to("x", PS)))
            .branch((k, v) -> v.length() > 1, Branched.withConsumer(s -> s.mapValues(v -> v + "!").to("y", PS)))
            .defaultBranch(Branched.withConsumer(s -> s.to("z", PS))));
        P.put("split_without_rest", b -> { Map<String, KStream<String,String>> m = b.stream("a", SS).split()
            .branch((k, v) -> v.length() > 3).branch((k, v) -> v.length() > 1).noDefaultBranch();
            m.get("KSTREAM-BRANCH-00000000011").merge(m.get("KSTREAM-BRANCH-00000000012")).to("x", PS); });
        P.put("split_named", b -> { Map<String, KStream<String,String>> m = b.stream("a", SS).split(Named.as("sizes-"))
            .branch((k, v) -> v.length() > 3, Branched.as("long")).branch((k, v) -> v.length() > 1).defaultBranch(Branched.as("short"));
            m.get("sizes-long").to("x", PS); m.get("sizes-2").to("y", PS); m.get("sizes-short").to("z", PS); });
        P.put("split_after_select_key", b -> { Map<String, KStream<String,String>> m = b.stream("a", SS).selectKey((k, v) -> v).split()
            .branch((k, v) -> v.length() > 3).defaultBranch();
            m.get("KSTREAM-BRANCH-00000000021").groupByKey(G).count(mat("n", Serdes.Long())).toStream().to("x", PL); m.get("KSTREAM-BRANCH-00000000020").to("y", PS); });
        P.put("split_in_two_ways", b -> { KStream<String,String> s = b.stream("a", SS);
            s.split().branch((k, v) -> v.length() > 3, Branched.withConsumer(t -> t.to("x", PS)));
            s.split().defaultBranch(Branched.withConsumer(t -> t.to("y", PS))); });
        P.put("print", b -> { KStream<String,String> s = b.stream("a", SS); s.print(Printed.toSysOut()); s.mapValues(v -> v + "!").print(Printed.<String,String>toSysOut().withName("shown").withLabel("l")); s.to("b", PS); });
        P.put("repartition", b -> b.stream("a", SS).repartition(Repartitioned.with(S, S)).to("b", PS));
        P.put("repartition_nulls", b -> b.stream("a", SS).repartition(Repartitioned.with(S, S)).to("b", PS));
        P.put("repartition_named", b -> b.stream("a", SS).selectKey((k, v) -> v).repartition(Repartitioned.<String,String>as("by-word").withKeySerde(S).withValueSerde(S).withNumberOfPartitions(3)).groupByKey(G).count(mat("n", Serdes.Long())).toStream().to("b", PL));
        P.put("repartition_twice", b -> { KStream<String,String> s = b.stream("a", SS).selectKey((k, v) -> v).repartition(Repartitioned.with(S, S)); s.repartition(Repartitioned.with(S, S)).groupByKey(G).count(mat("n", Serdes.Long())).toStream().to("b", PL); s.selectKey((k, v) -> k).groupByKey(G).count(mat("m", Serdes.Long())).toStream().to("c", PL); });
        P.put("two_topics_in_one", b -> b.stream(List.of("a", "b"), SS).to("c", PS));
        P.put("two_topics_twice", b -> { b.stream(List.of("b", "a"), SS).to("c", PS); b.stream(List.of("a", "b"), SS).mapValues(v -> v + "!").to("d", PS); });
        P.put("two_topics_counted", b -> b.stream(List.of("a", "b"), Consumed.with(S, S).withName("both")).groupByKey(G).count(mat("n", Serdes.Long())).toStream().to("c", PL));
        P.put("named_source_twice", b -> { b.stream("a", Consumed.with(S, S).withName("first")).to("c", PS); b.stream("a", Consumed.with(S, S).withName("second")).to("d", PS); });
        P.put("processor", b -> b.stream("a", SS).process(Tally.with("tally", null)).to("b", PS));
        P.put("processor_named_then_count", b -> b.stream("a", SS).process(Tally.with("tally", null), Named.as("own")).groupByKey(G).count(mat("n", Serdes.Long())).toStream().to("b", PL));
        P.put("processor_values_then_count", b -> b.stream("a", SS).processValues(Shout::new).groupByKey(G).count(mat("n", Serdes.Long())).toStream().to("b", PL));
        P.put("processor_children", b -> { KStream<String,String> s = b.stream("a", SS).process(Tally.with("tally", new String[]{"odd", "even"}));
            s.mapValues(v -> v, Named.as("even")).to("b", PS); s.mapValues(v -> v, Named.as("odd")).to("c", PS); });
        P.put("processor_shared_store", b -> { b.addStateStore(Tally.builder("tally")); b.stream("a", SS).process(() -> new Tally("tally", null), "tally").to("c", PS); b.stream("b", SS).process(() -> new Tally("tally", null), "tally").to("d", PS); });
        P.put("processor_stream_time", b -> b.stream("a", SS).process(() -> new Ticks(PunctuationType.STREAM_TIME)).to("b", PS));
        P.put("processor_wall_clock", b -> b.stream("a", SS).process(() -> new Ticks(PunctuationType.WALL_CLOCK_TIME)).to("b", PS));
        P.put("processor_metadata", b -> b.stream(List.of("a", "b"), SS).process(Where::new).to("c", PS));
        P.put("to_dynamic", b -> b.stream("a", SS).to(new ByLength(), PS));
        P.put("to_dynamic_named", b -> b.stream("a", SS).selectKey((k, v) -> v).to(new ByLength(), Produced.with(S, S).withName("by-length")));
        P.put("processor_headers", b -> b.stream("a", SS).process(Stamp::new).mapValues(v -> v + "!").to("b", PS));
        P.put("timestamps_own", b -> b.stream("a", Consumed.with(S, S).withTimestampExtractor((r, partitionTime) -> r.value().equals("x") ? -1 : r.value().equals("dd") ? partitionTime : r.timestamp() + 5)).process(Where::new).to("b", PS));
        P.put("pattern", b -> { var p = java.util.regex.Pattern.compile("[ab]"); b.stream(p, SS).groupByKey(G).count(mat("n", Serdes.Long())).toStream().to("c", PL); b.stream(p, SS).mapValues(v -> v + "!").to("d", PS); });
        P.put("group_by_key_count", b -> b.stream("a", SS).groupByKey(G).count(mat("n", Serdes.Long())).toStream().to("b", PL));
        P.put("group_by_key_after_map_values", b -> b.stream("a", SS).mapValues(v -> v + "!").groupByKey(G).reduce((x, y) -> x + y, mat("r", S)).toStream().to("b", PS));
        P.put("group_by_key_after_select_key", b -> b.stream("a", SS).selectKey((k, v) -> v).groupByKey(G).reduce((x, y) -> x + y, mat(S)).toStream().to("b", PS));
        P.put("aggregate", b -> b.stream("a", SS).groupByKey(G).aggregate(() -> "", (k, v, agg) -> agg + v, mat("joined", S)).toStream().to("b", PS));
        P.put("aggregate_delete", b -> b.stream("a", SS).groupByKey(G).aggregate(() -> "", (k, v, agg) -> v.equals("x") ? null : agg + v, mat("joined", S)).toStream().to("b", PS));
        P.put("table", b -> b.table("a", SS).toStream().to("b", PS));
        P.put("table_materialized", b -> b.table("a", SS, mat("users", S)).toStream().to("b", PS));
        P.put("two_aggregates", b -> { KGroupedStream<String,String> g = b.stream("a", SS).groupBy((k, v) -> v, G); g.count(mat("n", Serdes.Long())).toStream().to("b", PL); g.reduce((x, y) -> y, mat("last", S)).toStream().to("c", PS); });
        P.put("two_aggregates_named", b -> { KGroupedStream<String,String> g = b.stream("a", SS).groupBy((k, v) -> v, Grouped.with("g", S, S)); g.count(mat("n", Serdes.Long())).toStream().to("b", PL); g.reduce((x, y) -> y, mat("last", S)).toStream().to("c", PS); });
        P.put("two_keyed_aggregates", b -> { KGroupedStream<String,String> g = b.stream("a", SS).groupByKey(G); g.count(mat("n", Serdes.Long())).toStream().to("b", PL); g.reduce((x, y) -> y, mat("last", S)).toStream().to("c", PS); });
        P.put("same_topic_twice", b -> { b.stream("a", SS).to("b", PS); b.stream("a", SS).mapValues(v -> v + "!").to("c", PS); });
        P.put("two_inputs", b -> { b.stream("a", SS).to("c", PS); b.stream("b", SS).to("d", PS); });
        P.put("chained_counts", b -> b.stream("a", SS).groupBy((k, v) -> v, G).count(mat("n", Serdes.Long())).toStream().mapValues(n -> "" + n).selectKey((k, n) -> n).groupByKey(G).count(mat("m", Serdes.Long())).toStream().to("b", PL));
        P.put("named_all", b -> b.stream("a", Consumed.with(S,S).withName("in")).filter((k, v) -> true, Named.as("keep")).mapValues(v -> v, Named.as("same")).to("b", Produced.with(S,S).withName("out")));
        P.put("count_then_merge", b -> { KStream<String,String> s = b.stream("a", SS); KStream<String,String> n = s.groupByKey(G).count(mat("n", Serdes.Long())).toStream().mapValues(c -> "" + c); n.merge(s).to("b", PS); });
        P.put("table_and_stream_of_one_topic", b -> { b.table("a", SS, mat("users", S)).toStream().to("b", PS); b.stream("c", SS).to("d", PS); });
        P.put("table_generated_forEach", b -> b.table("a", SS).toStream().foreach((k, v) -> {}));
        P.put("merge_then_group", b -> b.stream("a", SS).merge(b.stream("b", SS).selectKey((k, v) -> v)).groupByKey(G).count(mat("n", Serdes.Long())).toStream().to("c", PL));
        P.put("to_topic_and_on", b -> { KStream<String,String> s = b.stream("a", SS).filter((k, v) -> true); s.to("b", PS); s.mapValues(v -> v).to("c", PS); s.peek((k, v) -> {}); });
        P.put("fan_of_three", b -> { KStream<String,String> s = b.stream("a", SS); s.mapValues(v -> v + 1).to("x", PS); s.mapValues(v -> v + 2).filter((k, v) -> true).to("y", PS); s.mapValues(v -> v + 3).filter((k, v) -> true).peek((k, v) -> {}).to("z", PS); });
    }

    // programs that draw nodes themselves, with or without the builder
    static final Map<String, Function<StreamsBuilder, Topology>> T = new LinkedHashMap<>();
    static final Deserializer<String> D = S.deserializer();
    static final Serializer<String> E = S.serializer();
    static {
        P.put("global_store", b -> { b.addGlobalStore(Lengths.builder(), "g", SS, Lengths::new); b.stream("a", SS).process(Look::new).to("b", PS); });
        P.put("global_store_after", b -> { b.stream("a", SS).mapValues(v -> v + "!").to("b", PS); b.addGlobalStore(Lengths.builder(), "g", SS, Lengths::new); b.stream("c", SS).mapValues(v -> v).process(Look::new).to("d", PS); });
        T.put("nodes", b -> { Topology t = new Topology();
            t.addSource("in", D, D, "a"); t.addSource("more", D, D, "b", "c");
            t.addProcessor("tally", Tally.with("tally", null), "in", "more");
            t.addProcessor("where", Where::new, "tally", "in");
            t.addSink("out", "x", E, E, "tally", "where"); t.addSink("all", "y", E, E, "more"); return t; });
        T.put("nodes_shared_store", b -> { Topology t = new Topology();
            t.addSource("left", D, D, "a"); t.addSource("right", D, D, "b"); t.addSource("apart", D, D, "c");
            t.addProcessor("first", () -> new Tally("tally", null), "left"); t.addProcessor("second", () -> new Tally("tally", null), "right");
            t.addStateStore(Tally.builder("tally"), "first"); t.connectProcessorAndStateStores("second", "tally");
            t.addSink("to-x", "x", E, E, "first"); t.addSink("to-y", "y", E, E, "second"); t.addSink("to-z", "z", E, E, "apart"); return t; });
        T.put("nodes_global_store", b -> { Topology t = new Topology();
            t.addSource("in", D, D, "a"); t.addGlobalStore(Lengths.builder(), "lengths-source", D, D, "g", "fill", Lengths::new);
            t.addProcessor("look", Look::new, "in"); t.addSink("out", "b", E, E, "look"); return t; });
        T.put("nodes_read_only_store", b -> { Topology t = new Topology();
            t.addReadOnlyStateStore(Lengths.builder(), "lengths-source", D, D, "g", "fill", Lengths::new);
            t.addSource("in", D, D, "a"); t.addProcessor("look", Look::new, "in"); t.connectProcessorAndStateStores("look", "lengths");
            t.addSink("out", "b", E, E, "look"); return t; });
        T.put("nodes_on_operators", b -> { b.stream("a", SS).mapValues(v -> v + "!", Named.as("loud")).groupByKey(G).count(mat("n", Serdes.Long())).toStream().to("b", PL);
            Topology t = b.build(); t.addProcessor("where", Where::new, "loud"); t.addSink("places", "c", E, E, "where"); return t; });
    }

    static Topology draw(String name, StreamsBuilder b, Properties config) {
        if (T.containsKey(name)) return T.get(name).apply(b);
        P.get(name).accept(b);
        return b.build(config);
    }

    /** Keeps the lengths of values by key. */
    static class Lengths implements Processor<String,String,Void,Void> {
        KeyValueStore<String,Long> lengths;
        static StoreBuilder<KeyValueStore<String,Long>> builder() { return Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("lengths"), S, Serdes.Long()).withLoggingDisabled(); }
        public void init(ProcessorContext<Void,Void> c) { lengths = c.getStateStore("lengths"); }
        public void process(Record<String,String> r) { if (r.value().equals("x")) lengths.delete(r.key()); else lengths.put(r.key(), (long) r.value().length()); }
    }
    /** Says what is known of the length of a key's value. */
    static class Look implements Processor<String,String,String,String> {
        ProcessorContext<String,String> c; KeyValueStore<String,Long> lengths;
        public void init(ProcessorContext<String,String> c) { this.c = c; lengths = c.getStateStore("lengths"); }
        public void process(Record<String,String> r) { c.forward(r.withValue(r.value() + " " + lengths.get(r.key()))); }
    }
    /** Counts the records of each key in a store, and passes them on: to every child, or to one of two in turn. */
    static class Tally implements Processor<String,String,String,String> {
        final String store; final String[] children; ProcessorContext<String,String> c; KeyValueStore<String,Long> counts;
        Tally(String store, String[] children) { this.store = store; this.children = children; }
        static ProcessorSupplier<String,String,String,String> with(String store, String[] children) {
            return new ProcessorSupplier<>() {
                public Processor<String,String,String,String> get() { return new Tally(store, children); }
                public Set<StoreBuilder<?>> stores() { return Set.of(builder(store)); }
            };
        }
        static StoreBuilder<?> builder(String name) { return Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(name), S, Serdes.Long()); }
        public void init(ProcessorContext<String,String> c) { this.c = c; counts = c.getStateStore(store); }
        public void process(Record<String,String> r) {
            if (r.value().equals("x")) { counts.delete(r.key()); return; }
            Long n = counts.get(r.key());
            long now = n == null ? 1 : n + 1;
            counts.put(r.key(), now);
            Record<String,String> out = r.withValue(r.value() + now);
            if (children == null) c.forward(out); else c.forward(out, children[(int) (now % 2 == 1 ? 0 : 1)]);
        }
    }
    static class Shout implements FixedKeyProcessor<String,String,String> {
        FixedKeyProcessorContext<String,String> c;
        public void init(FixedKeyProcessorContext<String,String> c) { this.c = c; }
        public void process(FixedKeyRecord<String,String> r) { for (String w : words(r.value())) c.forward(r.withValue(w + "!").withTimestamp(r.timestamp() + 1)); }
    }
    /** Passes records on; every 10 ms it says what time it is. */
    static class Ticks implements Processor<String,String,String,String> {
        final PunctuationType type; ProcessorContext<String,String> c;
        Ticks(PunctuationType type) { this.type = type; }
        public void init(ProcessorContext<String,String> c) {
            this.c = c;
            c.schedule(java.time.Duration.ofMillis(10), type, t -> c.forward(new Record<>("tick", "" + t, t)));
            Cancellable[] thrice = new Cancellable[1]; int[] n = {0};
            thrice[0] = c.schedule(java.time.Duration.ofMillis(7), type, t -> { c.forward(new Record<>("tock", "" + t, t)); if (++n[0] == 3) thrice[0].cancel(); });
        }
        public void process(Record<String,String> r) { c.forward(r); }
    }
    /** Counts its records in a header, and drops the header "n" of every third. */
    static class Stamp implements Processor<String,String,String,String> {
        ProcessorContext<String,String> c; int seen;
        public void init(ProcessorContext<String,String> c) { this.c = c; }
        public void process(Record<String,String> r) { if (++seen % 3 == 0) r.headers().remove("n"); r.headers().add("seen", ("" + seen).getBytes()); c.forward(r); }
    }
    static class ByLength implements TopicNameExtractor<String,String> {
        public String extract(String k, String v, RecordContext c) { return v.length() > 2 ? "long" : "short"; }
        public String toString() { return "EXTRACTOR"; }
    }
    static class Where implements Processor<String,String,String,String> {
        ProcessorContext<String,String> c;
        public void init(ProcessorContext<String,String> c) { this.c = c; }
        public void process(Record<String,String> r) { RecordMetadata m = c.recordMetadata().get(); c.forward(r.withValue(m.topic() + "-" + m.partition() + "@" + m.offset() + " " + c.taskId() + " " + c.currentStreamTimeMs())); }
    }

}
