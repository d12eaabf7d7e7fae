package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/seed"
)

func newLoginCmd(e *env) *cobra.Command {
	var addr, password string
	cmd := &cobra.Command{
		Use:   "login [EMAIL]",
		Short: "Log in at the API that `run` started, and print the token",
		Long: `Log in at the API that ` + "`workshop run`" + ` started, as one of the people of the
seeded database, and print the token alone:

  TOKEN=$(go tool workshop login)
  curl -H "Authorization: Bearer $TOKEN" localhost:8080/me`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			email := cmp.Or(strings.Join(args, ""), seed.Buyer.Email)
			token, err := logIn(cmd.Context(), addr, email, password)
			if err != nil {
				return err
			}
			fmt.Fprintln(e.stdout, token)
			return nil
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8080", "`HOST:PORT` of the API")
	cmd.Flags().StringVar(&password, "password", seed.Buyer.Password, "of somebody who isn't in the seed")
	return cmd
}

// loginTimeout is generous: somebody may be stepping through the handler.
const loginTimeout = 30 * time.Second

func logIn(ctx context.Context, addr, email, password string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	credentials, _ := json.Marshal(map[string]string{"email": email, "password": password})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/sessions", bytes.NewReader(credentials))
	if err != nil {
		return "", cli.Usage(fmt.Errorf("--addr %s is no address: %w", addr, err), "go tool workshop help login")
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", &cli.Problem{What: "no API answers at " + addr, Why: err, Next: "go tool workshop run     (in another terminal)"}
	}
	defer func() { _ = response.Body.Close() }()
	var session struct{ Token string }
	if err := json.NewDecoder(response.Body).Decode(&session); err != nil || session.Token == "" {
		return "", &cli.Problem{
			What: fmt.Sprintf("POST /sessions answered %s without a token for %s", response.Status, email),
			Next: fmt.Sprintf("look at what `run` prints; the people are %s, %s and %s", seed.Buyer.Email, seed.OtherBuyer.Email, seed.Organiser.Email),
			Code: cli.ExitRed,
		}
	}
	return session.Token, nil
}
