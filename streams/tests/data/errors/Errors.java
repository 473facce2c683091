// Writes the fixtures of this folder with Kafka Streams 4.3.1: compile and run it with kafka-streams and
// kafka-streams-test-utils on the class path; the argument is the folder that gets a NAME.txt for each program. Keys and values
// of inputs are strings; outputs are shown as the bytes they are, in hexadecimal. What a header of a dead letter says of Java
// itself, the class and the stack trace, is left out.
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.errors.*;
import org.apache.kafka.streams.errors.internals.ExceptionHandlerUtils;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.*;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.*;
import org.apache.kafka.streams.test.TestRecord;
import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import java.util.function.*;

class Errors {
    static final Serde<String> S = Serdes.String();
    static final Consumed<String,String> SS = Consumed.with(S, S);
    static final Produced<String,String> PS = Produced.with(S, S);
    static <V, T extends org.apache.kafka.streams.processor.StateStore> Materialized<String,V,KeyValueStore<Bytes,byte[]>> mat(String n, Serde<V> v) { return Materialized.<String,V,KeyValueStore<Bytes,byte[]>>as(n).withKeySerde(S).withValueSerde(v); }

    /** What every closure does: a value with an exclamation mark is too loud. */
    static String calm(String v) { if (v != null && v.contains("!")) throw new IllegalArgumentException("too loud: " + v); return v; }

    static final Map<String, Consumer<StreamsBuilder>> P = new LinkedHashMap<>();
    static {
        P.put("decode", b -> b.stream("a", Consumed.with(S, Serdes.Long())).to("b", Produced.with(S, Serdes.Long())));
        P.put("decode_key", b -> b.stream("a", Consumed.with(Serdes.Integer(), S)).to("b", Produced.with(Serdes.Integer(), S)));
        P.put("map_values", b -> b.stream("a", SS).mapValues(v -> calm(v)).to("b", PS));
        P.put("after_flat_map", b -> b.stream("a", SS).flatMapValues(v -> List.of(v.split(" "))).mapValues(v -> calm(v)).to("b", PS));
        P.put("in_flat_map", b -> b.stream("a", SS).flatMapValues(v -> { List<String> r = new ArrayList<>(); for (String w : v.split(" ")) r.add(calm(w)); return r; }).to("b", PS));
        P.put("fan_out", b -> { KStream<String,String> s = b.stream("a", SS); s.mapValues(v -> "1" + v).to("x", PS); s.mapValues(v -> calm(v)).to("y", PS); s.mapValues(v -> "3" + v).to("z", PS); });
        P.put("aggregate", b -> b.stream("a", SS).groupByKey(Grouped.with(S, S)).aggregate(() -> "", (k, v, all) -> all + calm(v), mat("all", S)).toStream().to("b", PS));
        P.put("aggregate_uncached", b -> b.stream("a", SS).groupByKey(Grouped.with(S, S)).aggregate(() -> "", (k, v, all) -> all + calm(v), mat("all", S).withCachingDisabled()).toStream().to("b", PS));
        P.put("below_aggregate", b -> b.stream("a", SS).groupByKey(Grouped.with(S, S)).aggregate(() -> "", (k, v, all) -> v, mat("all", S)).toStream().mapValues(v -> calm(v)).to("b", PS));
        P.put("below_aggregate_uncached", b -> b.stream("a", SS).groupByKey(Grouped.with(S, S)).aggregate(() -> "", (k, v, all) -> v, mat("all", S).withCachingDisabled()).toStream().mapValues(v -> calm(v)).to("b", PS));
        P.put("reduce_after_repartition", b -> b.stream("a", SS).selectKey((k, v) -> k + k).groupByKey(Grouped.with(S, S)).reduce((x, y) -> x + calm(y), mat("all", S)).toStream().to("b", PS));
        P.put("table_filter", b -> b.table("a", SS, mat("all", S)).filter((k, v) -> calm(v).length() > 1).toStream().to("b", PS));
        P.put("table_grouped", b -> b.table("a", SS, mat("all", S)).groupBy((k, v) -> KeyValue.pair("g", v), Grouped.with(S, S)).aggregate(() -> "", (k, v, all) -> all + "+" + calm(v), (k, v, all) -> all + "-" + v, mat("sum", S)).toStream().to("b", PS));
        P.put("join_table", b -> b.stream("a", SS).join(b.table("t", SS, mat("all", S)), (x, y) -> calm(x) + y, Joined.with(S, S, S)).to("b", PS));
        P.put("windows", b -> b.stream("a", SS).groupByKey(Grouped.with(S, S)).windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(20), Duration.ofMillis(50)).advanceBy(Duration.ofMillis(10)))
            .aggregate(() -> "", (k, v, all) -> { if (!all.isEmpty()) calm(v); return all + v; }, Materialized.<String,String,WindowStore<Bytes,byte[]>>as("all").withKeySerde(S).withValueSerde(S)).toStream((k, v) -> k.key() + "@" + k.window().start()).to("b", PS));
        P.put("below_windows", b -> b.stream("a", SS).groupByKey(Grouped.with(S, S)).windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(20), Duration.ofMillis(50)).advanceBy(Duration.ofMillis(10)))
            .aggregate(() -> "", (k, v, all) -> all + v, Materialized.<String,String,WindowStore<Bytes,byte[]>>as("all").withKeySerde(S).withValueSerde(S).withCachingDisabled())
            .toStream((k, v) -> k.key() + "@" + k.window().start()).peek((k, v) -> { if (k.endsWith("@10")) calm("!" + k); }).to("b", PS));
        P.put("processor", b -> { KStream<String,String> s = b.stream("a", SS).process(Twice.supplier()); s.mapValues(v -> calm(v)).to("b", PS); s.to("c", PS); });
        P.put("punctuation", b -> b.stream("a", SS).process(() -> new Ticks()).mapValues(v -> calm(v)).to("b", PS));
        P.put("sink", b -> b.stream("a", SS).mapValues(v -> v).to("b", Produced.with(S, Serdes.serdeFrom((t, v) -> calm(v).getBytes(), new StringDeserializer()))));
    }

    /** Keeps the value, passes it on, fails if it is "fail", passes it on again. */
    static class Twice implements Processor<String,String,String,String> {
        ProcessorContext<String,String> c; KeyValueStore<String,String> kept;
        static ProcessorSupplier<String,String,String,String> supplier() {
            return new ProcessorSupplier<>() {
                public Processor<String,String,String,String> get() { return new Twice(); }
                public Set<StoreBuilder<?>> stores() { return Set.of(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("kept"), S, S)); }
            };
        }
        public void init(ProcessorContext<String,String> c) { this.c = c; kept = c.getStateStore("kept"); }
        public void process(Record<String,String> r) {
            kept.put(r.key(), r.value());
            c.forward(r.withValue("1" + r.value()));
            if (r.value().equals("fail")) throw new IllegalStateException("told to");
            c.forward(r.withValue("2" + r.value()));
        }
    }
    /** At every tenth millisecond: one record that the node below takes, one that it does not, one that it does; the third time it fails in between. */
    static class Ticks implements Processor<String,String,String,String> {
        ProcessorContext<String,String> c; int n;
        public void init(ProcessorContext<String,String> c) { this.c = c; c.schedule(Duration.ofMillis(10), PunctuationType.STREAM_TIME, t -> {
            c.forward(new Record<>("k", "a" + t, t)); c.forward(new Record<>("k", "!" + t, t));
            if (++n == 3) throw new IllegalStateException("the third");
            c.forward(new Record<>("k", "b" + t, t)); }); }
        public void process(Record<String,String> r) { c.forward(r); }
    }
    /** Kafka has no handler that goes on after a failed production. */
    public static class Continue implements ProductionExceptionHandler {
        public Response handleError(ErrorHandlerContext c, ProducerRecord<byte[],byte[]> r, Exception e) { return Response.resume(letters(c, e)); }
        public Response handleSerializationError(ErrorHandlerContext c, ProducerRecord r, Exception e, SerializationExceptionOrigin o) { return Response.resume(letters(c, e)); }
        List<ProducerRecord<byte[],byte[]>> letters(ErrorHandlerContext c, Exception e) { return ExceptionHandlerUtils.maybeBuildDeadLetterQueueRecords("dead", c.sourceRawKey(), c.sourceRawValue(), c, e); }
        public void configure(Map<String,?> configs) {}
    }

    static String show(byte[] b) { return b == null ? "null" : HexFormat.of().formatHex(b); }
    static String show(org.apache.kafka.common.header.Headers headers) {
        StringJoiner all = new StringJoiner(";", "|", "").setEmptyValue("");
        for (var h : headers) {
            boolean java = h.key().endsWith("errors.exception") || h.key().endsWith("errors.stacktrace");
            all.add(h.key() + (h.value() == null ? "" : "=" + (java ? "" : new String(h.value()))));
        }
        return all.toString();
    }
    static void drain(TopologyTestDriver d, StringBuilder run) {
        for (String sink : new TreeSet<>(d.producedTopicNames())) {
            if (sink.startsWith("app-")) continue;
            var o = d.createOutputTopic(sink, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            while (!o.isEmpty()) { var r = o.readRecord(); run.append("out ").append(sink).append(' ').append(show(r.key())).append('|').append(show(r.value())).append('|').append(r.timestamp()).append(show(r.headers())).append('\n'); }
        }
    }

    public static void main(String[] a) throws Exception {
        for (var e : P.entrySet()) {
            StreamsBuilder b = new StreamsBuilder();
            e.getValue().accept(b);
            Topology t = b.build();
            Properties p = new Properties();
            p.put("application.id", "app"); p.put("bootstrap.servers", "none:1"); p.put("state.dir", Files.createTempDirectory("o").toString());
            p.put("deserialization.exception.handler", LogAndContinueExceptionHandler.class);
            p.put("processing.exception.handler", LogAndContinueProcessingExceptionHandler.class);
            p.put("production.exception.handler", Continue.class);
            p.put("errors.dead.letter.queue.topic.name", "dead");
            StringBuilder run = new StringBuilder();
            try (TopologyTestDriver d = new TopologyTestDriver(t, p, java.time.Instant.ofEpochMilli(0))) {
                boolean joins = e.getKey().startsWith("join");
                String[][] input = {{"k1","a"},{"k2","b c"},{"k1","d !1 e"},{"k2","f"},{"k1","g"},{"k2","!2"},{"k1","fail"},{"k2","12345678"},{"k1234","!3"},{"keys","h"}};
                long[] ts = {10, 5, 20, 20, 15, 30, 25, 40, 39, 44};
                for (int i = 0; i < input.length; i++) {
                    String topic = joins && i < 2 ? "t" : "a";
                    var headers = new org.apache.kafka.common.header.internals.RecordHeaders();
                    if (i % 2 == 0) headers.add("n", ("" + i).getBytes()).add("m", null);
                    run.append("in ").append(topic).append(' ').append(input[i][0]).append('|').append(input[i][1]).append('|').append(ts[i]).append(show(headers)).append('\n');
                    d.createInputTopic(topic, new StringSerializer(), new StringSerializer()).pipeInput(new TestRecord<>(input[i][0], input[i][1], headers, ts[i]));
                    drain(d, run);
                }
                for (String store : new TreeSet<>(d.getAllStateStores().keySet())) {
                    if (e.getKey().endsWith("windows")) continue;
                    var all = d.<String,Object>getKeyValueStore(store).all();
                    while (all.hasNext()) { var kv = all.next(); run.append("store ").append(store).append(' ').append(kv.key).append('|').append(kv.value).append('\n'); }
                }
                for (var m : d.metrics().entrySet()) if (m.getKey().name().equals("dropped-records-total")) run.append("dropped ").append(m.getKey().tags().get("task-id")).append(' ').append(((Double) m.getValue().metricValue()).longValue()).append('\n');
            } catch (Exception x) { run.append("error ").append(x.getClass().getSimpleName()).append('\n'); x.printStackTrace(); }
            Files.writeString(Path.of(a[0]).resolve(e.getKey() + ".txt"), run.toString());
        }
        System.exit(0);
    }
}
