package peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;

/**
 * An application on its way through its input. The clock and the CPU run from the first record to the end of close(), so
 * that what was left in the cache is paid for as well.
 */
final class Run {
    /** A moment, and the CPU that the process had taken by then. */
    record Mark(long nanos, double cpuSeconds) {
        static Mark now() {
            return new Mark(System.nanoTime(), Usage.cpuSeconds());
        }

        double secondsSince(Mark earlier) {
            return (nanos - earlier.nanos) / 1e9;
        }

        double cpuSince(Mark earlier) {
            return cpuSeconds - earlier.cpuSeconds;
        }
    }

    /** A record is told of when it becomes the next of its partition: it is processed a moment later. */
    private static final long SETTLE_MS = 100;

    private final LongAdder records = new LongAdder();
    private final AtomicReference<Mark> first = new AtomicReference<>();

    /** Tells of the first record; whichever thread meets it. */
    void began() {
        if (first.get() == null) first.compareAndSet(null, Mark.now());
    }

    /** How to read the source, with a tally of its records. */
    <K, V> Consumed<K, V> counted(Serde<K> key, Serde<V> value) {
        return Consumed.with(key, value).withTimestampExtractor((record, partitionTime) -> {
            began();
            records.increment();
            return record.timestamp();
        });
    }

    /** Whether so many records of the source have been taken up. */
    boolean hasRead(long total) {
        return records.sum() >= total;
    }

    /** The configuration of an application; each override is key=value of StreamsConfig. */
    static Properties config(String bootstrap, String id, Path state, String... overrides) {
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, id);
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        config.put(StreamsConfig.STATE_DIR_CONFIG, state.toString());
        config.put("auto.offset.reset", "earliest");
        for (String override : overrides) {
            String[] pair = override.split("=", 2);
            config.put(pair[0], pair[1]);
        }
        return config;
    }

    static Path stateDirectory() throws IOException {
        return Files.createTempDirectory("peer-state");
    }

    static void delete(Path directory) throws IOException {
        try (var paths = Files.walk(directory)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) Files.delete(path);
        }
    }

    static void createTopic(String bootstrap, String topic) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
        }
    }

    /** Runs until done, closes, and reports; {@code counted} is what the report calls {@code total} of. */
    void toTheEnd(Topology topology, Properties config, String counted, LongSupplier total, BooleanSupplier done)
            throws Exception {
        Mark begun = Mark.now();
        KafkaStreams streams = new KafkaStreams(topology, config);
        streams.start();
        while (!done.getAsBoolean()) Thread.sleep(5);
        Mark last = Mark.now();
        Thread.sleep(SETTLE_MS);
        streams.close();
        Mark closed = Mark.now();
        System.out.printf(
            "{\"%s\":%d,\"seconds\":%.3f,\"seconds_with_close\":%.3f,\"cpu_seconds\":%.3f,"
                + "\"cpu_seconds_with_start\":%.3f,\"start_to_first_record_s\":%.3f,\"peak_memory_mib\":%d}%n",
            counted, total.getAsLong(), last.secondsSince(first.get()), closed.secondsSince(first.get()),
            closed.cpuSince(first.get()), closed.cpuSeconds(), first.get().secondsSince(begun), Usage.peakMemoryMib());
    }
}
