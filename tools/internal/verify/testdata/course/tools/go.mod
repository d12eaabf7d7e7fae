module example.com/boxoffice/tools

go 1.26.0
