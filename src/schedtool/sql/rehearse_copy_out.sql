COPY (SELECT :"columns" FROM :"table" TABLESAMPLE BERNOULLI (:'percent')) TO STDOUT;
