package peers;

import java.time.Duration;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.WindowStore;

/** What `run_topology` runs, as Kafka Streams has it: the same operators on the same records. */
final class Topologies {
    private static final Duration WINDOW = Duration.ofMinutes(1);
    private static final Duration GRACE = Duration.ofSeconds(30);

    private Topologies() { }

    static StreamsBuilder of(String work, Run run, String input, String output) {
        StreamsBuilder builder = new StreamsBuilder();
        switch (work) {
            case "stateless" -> stateless(builder, run, input, output);
            case "aggregate" -> aggregate(builder, run, input, output);
            case "windowed" -> windowed(builder, run, input, output);
            case "latest" -> latest(builder, run, input, output);
            case "table" -> table(builder, run, input);
            default -> throw new IllegalArgumentException("no such work: " + work);
        }
        return builder;
    }

    private static void stateless(StreamsBuilder builder, Run run, String input, String output) {
        builder.stream(input, run.counted(Serdes.String(), Serdes.String()))
            .filter((user, request) -> request.endsWith(" 200"))
            .mapValues(request -> request.substring(request.indexOf(' ') + 1, request.lastIndexOf(' ')))
            .map((user, page) -> KeyValue.pair(page, user))
            .filter((page, user) -> !page.equals("/"))
            .mapValues(user -> user.substring(user.indexOf('-') + 1))
            .to(output, Produced.with(Serdes.String(), Serdes.String()));
    }

    private static void aggregate(StreamsBuilder builder, Run run, String input, String output) {
        builder.stream(input, run.counted(Serdes.String(), Serdes.Long()))
            .groupByKey()
            .aggregate(() -> 0L, (key, value, sum) -> sum + value,
                Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("sums").withValueSerde(Serdes.Long()))
            .toStream()
            .to(output, Produced.with(Serdes.String(), Serdes.Long()));
    }

    private static void windowed(StreamsBuilder builder, Run run, String input, String output) {
        builder.stream(input, run.counted(Serdes.String(), Serdes.String()))
            .groupByKey()
            .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
            .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("per-minute").withRetention(Duration.ofHours(1)))
            .toStream()
            .to(output, Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, WINDOW.toMillis()), Serdes.Long()));
    }

    private static void latest(StreamsBuilder builder, Run run, String input, String output) {
        builder.stream(input, run.counted(Serdes.String(), Serdes.Long()))
            .groupByKey()
            .reduce((old, value) -> value,
                Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("latest").withValueSerde(Serdes.Long()))
            .toStream()
            .to(output, Produced.with(Serdes.String(), Serdes.Long()));
    }

    private static void table(StreamsBuilder builder, Run run, String input) {
        builder.table(input, run.counted(Serdes.String(), Serdes.ByteArray()),
                Materialized.<String, byte[], KeyValueStore<Bytes, byte[]>>as("table"))
            .toStream()
            .foreach((key, value) -> { });
    }
}
