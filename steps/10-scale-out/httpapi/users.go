package httpapi

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

type credentials struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

func (a *api) signUp(c *gin.Context) error {
	var in credentials
	if err := readBody(c, &in); err != nil {
		return err
	}
	user, err := a.service.SignUp(c.Request.Context(), in.Email, in.Password)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, gin.H{"id": user.ID, "email": user.Email})
	return nil
}

func (a *api) logIn(c *gin.Context) error {
	var in credentials
	if err := readBody(c, &in); err != nil {
		return err
	}
	token, err := a.service.LogIn(c.Request.Context(), in.Email, in.Password)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, gin.H{"token": token})
	return nil
}

func (a *api) logOut(c *gin.Context) error {
	if err := a.service.LogOut(c.Request.Context(), bearerToken(c)); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (a *api) me(c *gin.Context) error {
	user, err := a.service.User(c.Request.Context(), loggedIn(c))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"id": user.ID, "email": user.Email, "role": user.Role})
	return nil
}

// userID is where requireLogin leaves the id of whoever is logged in.
const userID = "userID"

// loggedIn returns the id of whoever is logged in. On a route without requireLogin, it
// panics: whoever forgets that gets a 500, and not the orders of a user 0.
func loggedIn(c *gin.Context) int64 { return c.MustGet(userID).(int64) }

func (a *api) requireLogin(c *gin.Context) error {
	id, err := a.service.Authenticate(c.Request.Context(), bearerToken(c))
	if err != nil {
		return err
	}
	c.Set(userID, id)
	logWith(c, slog.Int64("user_id", id))
	return nil
}

// bearerToken is the token that came with a request, "" for none. The name of the scheme
// may be written in small letters too (RFC 9110, section 11.1).
func bearerToken(c *gin.Context) string {
	scheme, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}
