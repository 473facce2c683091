package peers;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Sends records at a low, steady rate and measures each from just before its send to its return from poll. */
final class Latency {
    /** Sent first and not measured: the compiler works through them. */
    private static final int WARM_UP = 2_000;

    public static void main(String[] args) throws Exception {
        if (args.length != 5) {
            System.err.println("usage: Latency BOOTSTRAP TOPIC RECORDS RECORDS_PER_SECOND BYTES");
            System.exit(2);
        }
        String bootstrap = args[0], topic = args[1];
        int total = WARM_UP + Integer.parseInt(args[2]);
        long interval = 1_000_000_000L / Integer.parseInt(args[3]);
        int size = Integer.parseInt(args[4]);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
        }

        long[] nanos = new long[total];
        Thread reader = new Thread(() -> read(bootstrap, topic, nanos));
        reader.start();
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "acks", "all", "linger.ms", 0);
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            long next = System.nanoTime();
            for (int i = 0; i < total; i++, next += interval) {
                while (System.nanoTime() < next) LockSupport.parkNanos(next - System.nanoTime());
                byte[] value = new byte[size];
                ByteBuffer.wrap(value).putLong(System.nanoTime());
                producer.send(new ProducerRecord<>(topic, value));
            }
        }
        reader.join();
        long[] measured = Arrays.copyOfRange(nanos, WARM_UP, total);
        Arrays.sort(measured);
        System.out.printf("{\"mean_us\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f}%n",
            Arrays.stream(measured).average().orElseThrow() / 1e3,
            percentile(measured, 0.5), percentile(measured, 0.99), percentile(measured, 0.999));
    }

    private static void read(String bootstrap, String topic, long[] nanos) {
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest");
        try (var consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            for (int read = 0; read < nanos.length; ) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1)))
                    nanos[read++] = System.nanoTime() - ByteBuffer.wrap(record.value()).getLong();
            }
        }
    }

    private static double percentile(long[] sorted, double part) {
        return sorted[(int) Math.ceil(sorted.length * part) - 1] / 1e3;
    }
}
