package peers;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Creates a topic of one partition and fills it: the lines of a text, several times over, or one record a key. */
final class Load {
    private static final int KEYS_SEED = 1;

    public static void main(String[] args) throws Exception {
        if (args.length != 5) {
            System.err.println("usage: Load BOOTSTRAP TOPIC (lines FILE TIMES | keys COUNT VALUE_BYTES)");
            System.exit(2);
        }
        String bootstrap = args[0], topic = args[1];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
        }
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "linger.ms", 20, "batch.size", 1 << 18);
        long sent;
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            sent = switch (args[2]) {
                case "lines" -> lines(producer, topic, Path.of(args[3]), Integer.parseInt(args[4]));
                case "keys" -> keys(producer, topic, Integer.parseInt(args[3]), Integer.parseInt(args[4]));
                default -> throw new IllegalArgumentException("neither lines nor keys: " + args[2]);
            };
        }
        System.out.printf("{\"topic\":\"%s\",\"records\":%d}%n", topic, sent);
    }

    private static long lines(Producer<byte[], byte[]> producer, String topic, Path file, int times) throws IOException {
        List<byte[]> lines = Files.readAllLines(file).stream()
            .filter(line -> !line.isBlank())
            .map(line -> line.getBytes(StandardCharsets.UTF_8))
            .toList();
        for (int time = 0; time < times; time++)
            for (byte[] line : lines) producer.send(new ProducerRecord<>(topic, line));
        return (long) lines.size() * times;
    }

    private static long keys(Producer<byte[], byte[]> producer, String topic, int count, int valueBytes) {
        Random random = new Random(KEYS_SEED);
        for (int key = 0; key < count; key++) {
            byte[] value = new byte[valueBytes];
            random.nextBytes(value);
            producer.send(new ProducerRecord<>(topic, "key-%012d".formatted(key).getBytes(StandardCharsets.UTF_8), value));
        }
        return count;
    }
}
