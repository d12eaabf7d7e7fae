package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/site"
)

func newServeCmd() *cobra.Command {
	var addr string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the site while it is written",
		Long: `Serve the static pages on loopback, to look at them while they are written: each
request reads the files anew, so reload the page to see a change. What is wrong is
marked on the page; "check" lists it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, _, err := open(); err != nil {
				return err
			}
			return serve(cmd, addr)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8091", "listen on this `ADDRESS` of loopback")
	return cmd
}

// serve answers until the command is interrupted.
func serve(cmd *cobra.Command, addr string) error {
	if err := onLoopback(addr); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; choose another with --addr 127.0.0.1:0", addr, err)
	}
	server := &http.Server{Handler: http.HandlerFunc(preview), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	stopped := context.AfterFunc(cmd.Context(), func() { _ = server.Close() })
	defer stopped()
	fmt.Fprintf(cmd.OutOrStdout(), "http://%s/\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// onLoopback refuses an address that others on the network could reach.
func onLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("read --addr: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s is no address of loopback; use 127.0.0.1 with a port", addr)
	}
	return nil
}

// preview answers a request with the site as its files are now.
func preview(w http.ResponseWriter, r *http.Request) {
	s, _, err := open()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "" {
		name = "index.html"
	}
	body, err := read(s, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.NotFound(w, r)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(body) // the reader may have left
	}
}

// read is a file of the site by its path.
func read(s *site.Site, name string) ([]byte, error) {
	if asset, ok := strings.CutPrefix(name, "assets/"); ok {
		return s.Asset(asset)
	}
	if name == "search-index.js" {
		return s.SearchIndex()
	}
	return s.Render(name, site.Options{})
}
