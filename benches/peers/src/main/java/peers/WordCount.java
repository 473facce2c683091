package peers;

import java.nio.file.Files;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Counts the words of a topic that already holds all its lines, and writes the counts to OUTPUT. The clock and the CPU
 * run from the first line to the end of close(), so that what was left in the cache is paid for as well.
 */
final class WordCount {
    /** The start of the measurement, taken by whichever thread meets the first line. */
    private record Mark(long nanos, double cpuSeconds) {
        static Mark now() {
            return new Mark(System.nanoTime(), Usage.cpuSeconds());
        }
    }

    private final LongAdder lines = new LongAdder();
    private final LongAdder words = new LongAdder();
    private final LongAdder counted = new LongAdder();
    private final AtomicReference<Mark> first = new AtomicReference<>();

    public static void main(String[] args) throws Exception {
        if (args.length < 4) {
            System.err.println("usage: WordCount BOOTSTRAP INPUT LINES OUTPUT [key=value of StreamsConfig]...");
            System.exit(2);
        }
        Map<String, String> overrides = new HashMap<>();
        for (int i = 4; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            overrides.put(pair[0], pair[1]);
        }
        new WordCount().run(args[0], args[1], Long.parseLong(args[2]), args[3], overrides);
        System.exit(0);
    }

    private void run(String bootstrap, String input, long total, String output, Map<String, String> overrides) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(output, 1, (short) 1))).all().get();
        }
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, output);
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        config.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory("word-count").toString());
        config.put("auto.offset.reset", "earliest");
        config.putAll(overrides);

        Mark begun = Mark.now();
        KafkaStreams streams = new KafkaStreams(topology(input, output).build(), config);
        streams.start();
        while (lines.sum() < total || counted.sum() < words.sum()) Thread.sleep(5);
        Mark last = Mark.now();
        streams.close();
        streams.cleanUp();
        Mark closed = Mark.now();

        System.out.printf(
            "{\"words\":%d,\"seconds\":%.3f,\"seconds_with_close\":%.3f,\"cpu_seconds\":%.3f,"
                + "\"cpu_seconds_with_start\":%.3f,\"start_to_first_line_s\":%.3f,\"peak_memory_mib\":%d}%n",
            words.sum(), secondsSinceFirst(last), secondsSinceFirst(closed), closed.cpuSeconds - first.get().cpuSeconds,
            closed.cpuSeconds, (first.get().nanos - begun.nanos) / 1e9, Usage.peakMemoryMib());
    }

    private double secondsSinceFirst(Mark mark) {
        return (mark.nanos - first.get().nanos) / 1e9;
    }

    private StreamsBuilder topology(String input, String output) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(input, Consumed.with(Serdes.ByteArray(), Serdes.String()))
            .flatMapValues(line -> {
                if (first.get() == null) first.compareAndSet(null, Mark.now());
                List<String> found = Words.of(line);
                words.add(found.size());
                lines.increment();
                return found;
            })
            .groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
            .aggregate(() -> 0L, (word, same, count) -> { // count(), with a tally for the clock
                counted.increment();
                return count + 1;
            }, Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("word-counts").withValueSerde(Serdes.Long()))
            .toStream()
            .to(output, Produced.with(Serdes.String(), Serdes.Long()));
        return builder;
    }
}
