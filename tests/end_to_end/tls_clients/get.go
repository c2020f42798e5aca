// Asks servers for a page over TLS, and prints what became of it, a line each:
// get.go ADDRESS CA NAME...
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

func get(address, name string, roots *x509.CertPool) error {
	raw, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return err
	}
	defer raw.Close()
	limit := 10 * time.Second
	if strings.HasPrefix(name, "handshake-stalls") {
		limit = time.Second / 2
	}
	raw.SetDeadline(time.Now().Add(limit))
	conn := tls.Client(raw, &tls.Config{ServerName: name, RootCAs: roots})
	if _, err = fmt.Fprintf(conn, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", name); err != nil {
		return err
	}
	_, err = io.ReadAll(conn)
	return err
}

func main() {
	pem, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for _, name := range os.Args[3:] {
		if err := get(os.Args[1], name, roots); err != nil {
			fmt.Printf("%s: %v\n", name, err)
		} else {
			fmt.Printf("%s: ok\n", name)
		}
	}
}
