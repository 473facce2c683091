import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.stream.*;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.*;
import org.apache.kafka.streams.state.internals.*;

/** What the stores of a driver hold, as "key|value". */
class Contents {
    static List<String> entries(TopologyTestDriver driver, String name) throws Exception {
        StateStore store = driver.getAllStateStores().get(name);
        if (store instanceof WindowStore) return windows(driver, name, store);
        List<String> entries = new ArrayList<>();
        try (var all = driver.<String,Object>getKeyValueStore(name).all()) { all.forEachRemaining(entry -> entries.add(entry.key + "|" + entry.value)); }
        return entries;
    }

    /** In the order of time, as ours are. */
    static List<String> windows(TopologyTestDriver driver, String name, StateStore store) throws Exception {
        List<KeyValue<Windowed<String>,ValueAndTimestamp<Object>>> all = new ArrayList<>();
        try (var entries = driver.<String,Object>getTimestampedWindowStore(name).all()) { entries.forEachRemaining(all::add); }
        // The cache also shows what has expired below it.
        Set<String> live = live(store);
        all.removeIf(entry -> !live.contains(entry.key.toString()));
        all.sort(Comparator.comparing((KeyValue<Windowed<String>,ValueAndTimestamp<Object>> entry) -> entry.key.window().start()).thenComparing(entry -> entry.key.key()));
        return all.stream().map(entry -> entry.key + "|" + entry.value.value()).toList();
    }

    /** The keys that have not expired. Kafka's store of windows that close does not hide all of those that have. */
    @SuppressWarnings("unchecked")
    static Set<String> live(StateStore store) throws Exception {
        while (store instanceof WrappedStateStore<?,?,?> w && w.wrapped() instanceof WindowStore) store = w.wrapped();
        List<Windowed<String>> keys = new ArrayList<>();
        try (var all = ((WindowStore<Bytes,byte[]>) store).all()) {
            all.forEachRemaining(entry -> keys.add(new Windowed<>(new String(entry.key.key().get(), StandardCharsets.UTF_8), entry.key.window())));
        }
        if (store instanceof WrappedStateStore<?,?,?> w && w.wrapped() instanceof SegmentedBytesStore segmented) {
            long newest = keys.stream().mapToLong(key -> key.window().start()).max().orElse(0);
            long retention = retention(segmented);
            keys.removeIf(key -> key.window().start() <= newest - retention);
        }
        return keys.stream().map(Windowed::toString).collect(Collectors.toSet());
    }

    static long retention(Object store) throws Exception {
        for (Class<?> c = store.getClass(); ; c = c.getSuperclass()) try {
            var field = c.getDeclaredField("retentionPeriod");
            field.setAccessible(true);
            return field.getLong(store);
        } catch (NoSuchFieldException above) { }
    }
}
