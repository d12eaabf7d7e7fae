package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// LogInError says that an API answered a log-in without a token.
type LogInError struct {
	Status string // such as "401 Unauthorized"
	Body   string
}

func (e *LogInError) Error() string {
	return fmt.Sprintf("POST /sessions answered %s: %s", e.Status, e.Body)
}

// LogIn logs somebody in at the API that listens on an address, and returns the token. The error
// is a *LogInError when there was an answer.
func LogIn(ctx context.Context, address, email, password string) (token string, err error) {
	credentials, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/sessions", bytes.NewReader(credentials))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	var session struct{ Token string }
	if err := json.Unmarshal(answer, &session); err != nil || session.Token == "" {
		return "", &LogInError{response.Status, string(answer)}
	}
	return session.Token, nil
}
