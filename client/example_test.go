package client_test

import (
	"context"
	"fmt"
	"io"
	"log"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/internal/conf"
)

// A file is written, read and listed. In a test hdfstest.New gives the addresses.
func Example() {
	ctx := context.Background()
	c, err := client.New(client.Options{Addresses: []string{"namenode.example:8020"}, User: "alice"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	w, err := c.Create(ctx, "/data/hello.txt", client.CreateOptions{CreateParent: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(w, "hello")
	if err := w.Close(); err != nil { // only now the file is complete
		log.Fatal(err)
	}

	r, err := c.Open(ctx, "/data/hello.txt")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", data)

	for info, err := range c.List(ctx, "/data") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(info.Name(), info.Size(), info.Owner())
	}
}

// What a log writer does: every record is on all datanodes when Flush returns, and on their disks when Sync does.
func ExampleWriter_Flush() {
	c, err := client.FromConf(conf.New(map[string]string{"fs.defaultFS": "hdfs://namenode.example:8020"}))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	w, err := c.Append(context.Background(), "/logs/today", client.AppendOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, record := range []string{"one\n", "two\n"} {
		if _, err := io.WriteString(w, record); err != nil {
			log.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
}

// A name service of several namenodes comes from the configuration.
func ExampleResolveURI() {
	c := conf.New(map[string]string{
		"dfs.ha.namenodes.prod":             "nn1,nn2",
		"dfs.namenode.rpc-address.prod.nn1": "one.example:8020",
		"dfs.namenode.rpc-address.prod.nn2": "two.example:8020",
	})
	addresses, err := client.ResolveURI(c, "prod")
	fmt.Println(addresses, err)
	// Output: [one.example:8020 two.example:8020] <nil>
}
