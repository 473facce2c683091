package opensearch;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.opensearch.common.settings.Settings;
import org.opensearch.http.HttpServerTransport;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/**
 * A node of OpenSearch that is a whole cluster, on loopback ports of its own choice. It prints the address of its HTTP
 * port when it answers there, and ends with its standard input.
 *
 * <p>Arguments: the folder of its data, then settings as {@code name=value}.
 */
public final class Single extends Node {
    private Single(Settings settings, Path home) {
        super(
            InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), home.resolve("config"), () -> "single"),
            List.of(Netty4Plugin.class),
            true);
    }

    private static Settings settings(Path home, List<String> more) {
        Settings.Builder settings = Settings.builder()
            .put("path.home", home)
            .put("cluster.name", "millstream")
            .put("discovery.type", "single-node")
            .put("network.host", "127.0.0.1")
            .put("http.port", 0)
            .put("transport.port", 0)
            .put("transport.type", Netty4Plugin.NETTY_TRANSPORT_NAME)
            .put("http.type", Netty4Plugin.NETTY_HTTP_TRANSPORT_NAME)
            // A full disk is not what is tested.
            .put("cluster.routing.allocation.disk.threshold_enabled", false);
        for (String setting : more) {
            String[] named = setting.split("=", 2);
            settings.put(named[0], named[1]);
        }
        return settings.build();
    }

    public static void main(String[] arguments) throws Exception {
        List<String> given = List.of(arguments);
        Path home = Path.of(given.get(0)).toAbsolutePath();
        Files.createDirectories(home.resolve("config"));
        Single node = new Single(settings(home, given.subList(1, given.size())), home);
        node.start();
        System.out.println(node.injector().getInstance(HttpServerTransport.class).boundAddress().publishAddress());
        while (System.in.read() >= 0) {
            // Whatever is said, only the end counts.
        }
        node.close();
        System.exit(0);
    }
}
