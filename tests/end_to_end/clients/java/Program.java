// The example of the documentation of toxiproxy-java, in front of an echo.
//
// Arguments: host and port of the API, where the proxy listens, and where the echo is.

import static eu.rekawek.toxiproxy.model.ToxicDirection.DOWNSTREAM;
import static eu.rekawek.toxiproxy.model.ToxicDirection.UPSTREAM;

import eu.rekawek.toxiproxy.Proxy;
import eu.rekawek.toxiproxy.ToxiproxyClient;
import java.io.IOException;
import java.net.Socket;

public class Program {
    static void expect(boolean right, Object what) {
        if (!right) {
            throw new AssertionError(what);
        }
    }

    /** Returns how many milliseconds an echo takes. */
    static long ask(String address) throws IOException {
        int colon = address.lastIndexOf(':');
        int port = Integer.parseInt(address.substring(colon + 1));
        try (Socket socket = new Socket(address.substring(0, colon), port)) {
            long start = System.nanoTime();
            socket.getOutputStream().write("hello".getBytes());
            expect(socket.getInputStream().readNBytes(5).length == 5, "the echo");
            return (System.nanoTime() - start) / 1_000_000;
        }
    }

    public static void main(String[] args) throws IOException {
        ToxiproxyClient client = new ToxiproxyClient(args[0], Integer.parseInt(args[1]));
        expect(client.version().contains("\"2."), client.version());

        Proxy mysqlProxy = client.createProxy("mysql", args[2], args[3]);
        ask(args[2]);
        mysqlProxy.toxics().latency("my-latency-toxic", DOWNSTREAM, 100).setJitter(15);
        expect(ask(args[2]) >= 85, "latency");
        expect(mysqlProxy.toxics().getAll().size() == 1, "toxics");
        mysqlProxy.toxics().get("my-latency-toxic").remove();

        mysqlProxy.toxics().bandwidth("bandwidth", UPSTREAM, 1000).setToxicity(0.5f);
        mysqlProxy.toxics().timeout("timeout", UPSTREAM, 0);
        mysqlProxy.toxics().slicer("slicer", DOWNSTREAM, 10, 5).setSizeVariation(2);
        mysqlProxy.toxics().slowClose("slow", DOWNSTREAM, 10);
        mysqlProxy.toxics().resetPeer("reset", DOWNSTREAM, 10);
        mysqlProxy.toxics().limitData("limit", DOWNSTREAM, 10);
        expect(mysqlProxy.toxics().getAll().size() == 6, "toxics");
        mysqlProxy.disable();
        client.reset();
        expect(client.getProxy("mysql").isEnabled(), "enabled");
        expect(mysqlProxy.toxics().getAll().isEmpty(), "toxics after a reset");
        ask(args[2]);

        mysqlProxy.setListen("localhost:0");
        mysqlProxy.setUpstream("localhost:1");
        expect(client.getProxies().size() == 1, "proxies");
        mysqlProxy.delete();
        expect(client.getProxyOrNull("mysql") == null, "deleted");
        System.out.println("done");
    }
}
