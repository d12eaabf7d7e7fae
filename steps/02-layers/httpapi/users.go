package httpapi

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

type credentials struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

func (a *api) signUp(c *gin.Context) {
	var in credentials
	if err := readBody(c, &in); err != nil {
		fail(c, err)
		return
	}
	user, err := a.service.SignUp(c.Request.Context(), in.Email, in.Password)
	if err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusCreated, gin.H{"id": user.ID, "email": user.Email})
}

func (a *api) logIn(c *gin.Context) {
	var in credentials
	if err := readBody(c, &in); err != nil {
		fail(c, err)
		return
	}
	token, err := a.service.LogIn(c.Request.Context(), in.Email, in.Password)
	if err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusCreated, gin.H{"token": token})
}

func (a *api) logOut(c *gin.Context) {
	if err := a.service.LogOut(c.Request.Context(), bearerToken(c)); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

func (a *api) me(c *gin.Context) {
	user, err := a.service.User(c.Request.Context(), c.GetInt64(userID))
	if err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"id": user.ID, "email": user.Email, "role": user.Role})
}

// userID is where requireLogin leaves the id of whoever is logged in.
const userID = "userID"

func (a *api) requireLogin(c *gin.Context) {
	id, err := a.service.Authenticate(c.Request.Context(), bearerToken(c))
	if err != nil {
		fail(c, err)
		return
	}
	c.Set(userID, id)
}

func bearerToken(c *gin.Context) string {
	token, _ := strings.CutPrefix(c.GetHeader("Authorization"), "Bearer ")
	return token
}
