package peers;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/** Counts the words of a topic that already holds all its lines, and writes the counts to OUTPUT. */
final class WordCount {
    private final Run run = new Run();
    private final LongAdder lines = new LongAdder();
    private final LongAdder words = new LongAdder();
    private final LongAdder counted = new LongAdder();

    public static void main(String[] args) throws Exception {
        if (args.length < 4) {
            System.err.println("usage: WordCount BOOTSTRAP INPUT LINES OUTPUT [key=value of StreamsConfig]...");
            System.exit(2);
        }
        String[] overrides = Arrays.copyOfRange(args, 4, args.length);
        new WordCount().count(args[0], args[1], Long.parseLong(args[2]), args[3], overrides);
        System.exit(0);
    }

    private void count(String bootstrap, String input, long total, String output, String[] overrides) throws Exception {
        Run.createTopic(bootstrap, output);
        Path state = Run.stateDirectory();
        var config = Run.config(bootstrap, output, state, overrides);
        run.toTheEnd(topology(input, output).build(), config, "words", words::sum,
            () -> lines.sum() >= total && counted.sum() >= words.sum());
        Run.delete(state);
    }

    private StreamsBuilder topology(String input, String output) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(input, Consumed.with(Serdes.ByteArray(), Serdes.String()))
            .flatMapValues(line -> {
                run.began();
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
