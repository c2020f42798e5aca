import java.io.FileInputStream;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** Asks servers for a page over TLS, and prints what became of it: Get HOST PORT CA NAME... */
public class Get {
    public static void main(String[] words) throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (InputStream file = new FileInputStream(words[2])) {
            Certificate ca = CertificateFactory.getInstance("X.509").generateCertificate(file);
            trusted.setCertificateEntry("ca", ca);
        }
        TrustManagerFactory managers =
                TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        InetSocketAddress address = new InetSocketAddress(words[0], Integer.parseInt(words[1]));
        for (String name : Arrays.copyOfRange(words, 3, words.length)) {
            String outcome = "ok";
            try {
                get(context, address, name);
            } catch (Exception error) {
                outcome = error.getClass().getSimpleName() + ": " + error.getMessage();
            }
            System.out.println(name + ": " + outcome);
        }
    }

    static void get(SSLContext context, InetSocketAddress address, String name) throws Exception {
        try (Socket raw = new Socket()) {
            raw.connect(address, 5000);
            raw.setSoTimeout(name.startsWith("handshake-stalls") ? 500 : 10000);
            SSLSocket socket =
                    (SSLSocket) context.getSocketFactory().createSocket(raw, name, 443, true);
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            socket.setSSLParameters(parameters);
            socket.getOutputStream().write(("GET / HTTP/1.0\r\nHost: " + name + "\r\n\r\n").getBytes());
            socket.getInputStream().readAllBytes();
        }
    }
}
