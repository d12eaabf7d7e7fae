package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/fleet"
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
	token, err := fleet.LogIn(ctx, addr, email, password)
	var refused *fleet.LogInError
	var unread *url.Error
	switch {
	case err == nil:
		return token, nil
	case errors.As(err, &refused):
		return "", &cli.Problem{
			What: fmt.Sprintf("POST /sessions answered %s without a token for %s", refused.Status, email),
			Next: fmt.Sprintf("look at what `run` prints; the people are %s, %s and %s", seed.Buyer.Email, seed.OtherBuyer.Email, seed.Organiser.Email),
			Code: cli.ExitRed,
		}
	case errors.As(err, &unread) && unread.Op == "parse":
		return "", cli.Usage(fmt.Errorf("--addr %s is no address: %w", addr, err), "go tool workshop help login")
	}
	return "", &cli.Problem{What: "no API answers at " + addr, Why: err, Next: "go tool workshop run     (in another terminal)"}
}
