// The example of the documentation of Toxiproxy's client for Go, in front of an echo.
//
// Arguments: where the API is, where the proxy listens, and where the echo is.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func expect(right bool, what string, found any) {
	if !right {
		panic(fmt.Sprintf("%s: %v", what, found))
	}
}

// ask returns how long an echo takes.
func ask(address string) (time.Duration, error) {
	connection, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return 0, err
	}
	defer connection.Close()
	start := time.Now()
	if _, err := connection.Write([]byte("hello")); err != nil {
		return 0, err
	}
	_, err = io.ReadFull(connection, make([]byte, 5))
	return time.Since(start), err
}

func main() {
	api, listen, upstream := os.Args[1], os.Args[2], os.Args[3]
	client := toxiproxy.NewClient(api)
	version, err := client.Version()
	check(err)
	expect(strings.Contains(string(version), `"2.`), "version", string(version))

	var config []toxiproxy.Proxy
	text := fmt.Sprintf(`[{"name": "redis", "listen": %q, "upstream": %q, "enabled": true}]`, listen, upstream)
	check(json.Unmarshal([]byte(text), &config))
	proxies, err := client.Populate(config)
	check(err)
	expect(len(proxies) == 1 && proxies[0].Enabled, "populated", proxies)

	proxy, err := client.Proxy("redis")
	check(err)
	check(proxy.Disable())
	_, err = ask(listen)
	expect(err != nil, "a proxy that is down answers", err)
	check(proxy.Enable())
	_, err = ask(listen)
	check(err)

	_, err = proxy.AddToxic("latency_down", "latency", "downstream", 1.0, toxiproxy.Attributes{
		"latency": 100,
	})
	check(err)
	taken, err := ask(listen)
	check(err)
	expect(taken >= 100*time.Millisecond, "latency", taken)
	toxic, err := proxy.UpdateToxic("latency_down", 1.0, toxiproxy.Attributes{"jitter": 10})
	check(err)
	expect(toxic.Attributes["latency"] == 100.0 && toxic.Attributes["jitter"] == 10.0, "toxic", toxic)
	toxics, err := proxy.Toxics()
	check(err)
	expect(len(toxics) == 1 && toxics[0].Name == "latency_down", "toxics", toxics)
	check(proxy.RemoveToxic("latency_down"))

	_, err = proxy.AddToxic("", "timeout", "", -1, nil)
	check(err)
	check(client.ResetState())
	_, err = ask(listen)
	check(err)

	second, err := client.CreateProxy("second", "localhost:0", upstream)
	check(err)
	_, err = client.CreateProxy("second", "localhost:0", upstream)
	expect(err != nil && strings.Contains(err.Error(), "already exists"), "a name twice", err)
	check(second.Delete())
	check(proxy.Delete())
	all, err := client.Proxies()
	check(err)
	expect(len(all) == 0, "proxies", all)
	fmt.Println("done")
}
