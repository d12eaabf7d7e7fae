package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/companion"
	"example.com/boxoffice/tools/internal/site"
)

// previewAddr is where serve listens unless told otherwise.
const previewAddr = "127.0.0.1:8091"

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
	cmd.Flags().StringVar(&addr, "addr", previewAddr, "listen on this `ADDRESS` of loopback")
	return cmd
}

// serve answers until the command is interrupted.
func serve(cmd *cobra.Command, addr string) error {
	listener, err := companion.Listen(addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &cli.Problem{What: addr + " is taken by another program", Next: "go tool workshop site serve --addr 127.0.0.1:0     (any free port)"}
	case err != nil:
		return cli.Usage(fmt.Errorf("can't listen on %s: %w", addr, err), "go tool workshop site serve --addr "+previewAddr)
	}
	server := &http.Server{Handler: http.HandlerFunc(preview), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	stopped := context.AfterFunc(cmd.Context(), func() { _ = server.Close() })
	defer stopped()
	fmt.Fprintf(cmd.OutOrStdout(), "http://%s/\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return &cli.Problem{What: "the preview ended", Why: err, Next: "go tool workshop site serve"}
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
		previewMissing(w, s, name)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(body) // the reader may have left
	}
}

// previewMissing answers where no page is.
func previewMissing(w http.ResponseWriter, s *site.Site, name string) {
	body, err := s.RenderMissing(name, site.Options{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(".html"))
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write(body) // the reader may have left
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
