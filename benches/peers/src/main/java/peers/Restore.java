package peers;

import java.util.Arrays;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StateRestoreListener;

/**
 * Builds a table of a topic, throws its state away, and restores it from the changelog. A line of JSON after each; the
 * restore is timed from the listener's first word to its last.
 */
final class Restore implements StateRestoreListener {
    private final AtomicReference<Run.Mark> began = new AtomicReference<>();
    private final AtomicReference<Run.Mark> ended = new AtomicReference<>();
    private final AtomicLong restored = new AtomicLong();
    private final CountDownLatch open;

    private Restore(int partitions) {
        open = new CountDownLatch(partitions);
    }

    public static void main(String[] args) throws Exception {
        if (args.length < 4) {
            System.err.println("usage: Restore BOOTSTRAP INPUT PARTITIONS RECORDS [key=value of StreamsConfig]...");
            System.exit(2);
        }
        long total = Long.parseLong(args[3]);
        var state = Run.stateDirectory();
        var config = Run.config(args[0], "table", state, Arrays.copyOfRange(args, 4, args.length));
        Run run = new Run();
        var topology = Topologies.of("table", run, args[1], null);
        run.toTheEnd(topology.build(), config, "records", () -> total, () -> run.hasRead(total));
        Run.delete(state);
        new Restore(Integer.parseInt(args[2])).restore(Topologies.of("table", new Run(), args[1], null).build(), config);
        Run.delete(state);
        System.exit(0);
    }

    private void restore(Topology topology, Properties config) throws Exception {
        Run.Mark start = Run.Mark.now();
        KafkaStreams streams = new KafkaStreams(topology, config);
        streams.setGlobalStateRestoreListener(this);
        streams.start();
        open.await();
        Run.Mark first = began.get(), last = ended.get();
        System.out.printf("{\"restored\":%d,\"seconds\":%.3f,\"cpu_seconds\":%.3f,\"start_to_ready_s\":%.3f,\"peak_memory_mib\":%d}%n",
            restored.get(), last.secondsSince(first), last.cpuSince(first), last.secondsSince(start), Usage.peakMemoryMib());
        streams.close();
    }

    @Override public void onRestoreStart(TopicPartition partition, String store, long from, long to) {
        began.compareAndSet(null, Run.Mark.now());
    }

    @Override public void onBatchRestored(TopicPartition partition, String store, long end, long count) { }

    @Override public void onRestoreEnd(TopicPartition partition, String store, long count) {
        restored.addAndGet(count);
        ended.set(Run.Mark.now());
        open.countDown();
    }
}
